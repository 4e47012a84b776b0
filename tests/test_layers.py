"""The layers of the house, as pyproject.toml draws them, are kept (import-linter)."""

import subprocess
import sys
from pathlib import Path

import pytest


def test_a_lower_layer_never_imports_a_higher_one():
    """In a process of its own: the linter switches off the loggers of the process that it runs in."""
    pytest.importorskip("importlinter.cli")
    code = (
        "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(cache_dir=None, no_cache=True))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
