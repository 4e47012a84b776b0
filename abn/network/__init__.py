"""The Attention Branch Network as a PyTorch module: the paper's layers, and any timm CNN cut to fit them."""
