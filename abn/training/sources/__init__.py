"""Where training images come from: public packages, Fashion-MNIST, and class folders of anybody."""
