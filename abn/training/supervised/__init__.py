"""Training on labeled images from scratch, or from a plain backbone, with the loss of the paper: L_att + L_per."""
