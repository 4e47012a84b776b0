"""Fashion-MNIST's files in the package's layout, made up for the tests."""

import gzip
from pathlib import Path

import numpy as np

from abn.training.sources import fashion_mnist


def packed(packages: Path, count: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """The same images to train and to test with: image k, 40 + k gray in its middle, is of class k mod 10."""
    folder = packages / fashion_mnist.FOLDER
    folder.mkdir(parents=True)
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, 6:22, 8:20] = 40 + np.arange(count, dtype=np.uint8)[:, None, None]
    labels = (np.arange(count) % 10).astype(np.uint8)
    for name in ("train", "t10k"):
        for kind, values in (("images-idx3", images), ("labels-idx1", labels)):
            head = bytes([0, 0, 8, values.ndim]) + b"".join(n.to_bytes(4, "big") for n in values.shape)
            (folder / f"{name}-{kind}-ubyte.gz").write_bytes(gzip.compress(head + values.tobytes()))
    return images, labels
