"""A folder of images of which some are bad."""

from pathlib import Path

import pytest
import tiny


@pytest.fixture(scope="session")
def mixed_folder(tmp_path_factory) -> Path:
    """Ten files; the third, the seventh and the eighth can't be opened."""
    folder = tmp_path_factory.mktemp("images")
    for number in range(10):
        tiny.picture(40, 36, number).image.save(folder / f"{number}.png")
    (folder / "2.png").write_bytes(b"no image")
    (folder / "6.png").unlink()
    (folder / "6.png").symlink_to("nowhere")
    (folder / "7.png").write_bytes((folder / "1.png").read_bytes()[:200])
    return folder
