"""How a variant is run: one loop over images × variants, and the same network made quicker for inference."""
