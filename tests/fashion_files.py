"""Fashion-MNIST's files in the package's layout, made up for the tests."""

import gzip

import numpy as np

from abn.training import fashion


def packed(folder, count=40):
    """A data set in the package's layout: square k bright in its middle is class k mod 10."""
    place = folder / fashion.FASHION / fashion.PLACE
    place.mkdir(parents=True)
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, 6:22, 8:20] = 40 + np.arange(count, dtype=np.uint8)[:, None, None]
    labels = (np.arange(count) % 10).astype(np.uint8)
    for name in ("train", "t10k"):
        for kind, values in (("images-idx3", images), ("labels-idx1", labels)):
            head = bytes([0, 0, 8, values.ndim]) + b"".join(n.to_bytes(4, "big") for n in values.shape)
            (place / f"{name}-{kind}-ubyte.gz").write_bytes(gzip.compress(head + values.tobytes()))
    return images, labels
