"""What a person chooses with on every page: the image, the variants, and how maps are drawn."""
