"""The layers of the house, as pyproject.toml draws them, are kept (import-linter)."""

from pathlib import Path

import pytest


def test_a_lower_layer_never_imports_a_higher_one(monkeypatch, capsys):
    cli = pytest.importorskip("importlinter.cli")
    monkeypatch.chdir(Path(__file__).parents[1])
    status = cli.lint_imports(cache_dir=None, no_cache=True)
    assert status == 0, capsys.readouterr().out
