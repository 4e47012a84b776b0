"""Training on labeled images, from scratch or from a backbone's weights, with the loss of the paper: L_att + L_per."""
