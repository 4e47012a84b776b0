"""What is drawn from arrays: overlays, charts, the network diagram, and formatted numbers."""
