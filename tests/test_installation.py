"""The package as pip installs it: the command `abn` from any folder, with weights and samples found."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from abn.images.samples import gallery
from abn.variants.store import list_variants

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_installed_command_finds_weights_and_samples_from_any_folder(tmp_path):
    target = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--target", str(target)]
    subprocess.run([*pip, str(ROOT)], check=True, timeout=300)
    (tmp_path / "elsewhere").mkdir()
    command = [
        sys.executable,
        "-c",
        "import sys; from abn.__main__ import main; sys.exit(main())",
        "variants",
        "--json",
    ]
    environment = {"PYTHONPATH": str(target), "PATH": ""}
    ran = subprocess.run(
        command, cwd=tmp_path / "elsewhere", env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    assert [card["id"] for card in json.loads(ran.stdout)] == [card.id for card in list_variants()]
    assert (target / "bin" / "abn").exists()
    samples = {path.name for path in (target / "abn" / "samples").iterdir()}
    assert samples >= {photo.path.name for photo in gallery().values()}
    assert len(list((target / "abn" / "checkpoints").glob("*.safetensors"))) == len(list_variants())
