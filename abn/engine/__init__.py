"""How a network is run for inference."""
