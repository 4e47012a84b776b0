"""A monkey in a real browser: whatever is pressed, in whatever order, no page may break."""

import os

import pytest
from monkey import Monkey

SEEDS = [int(seed) for seed in os.environ.get("ABN_MONKEY", "").split(",") if seed]


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS or [1, 2])
def test_nothing_breaks_whatever_is_pressed(page, server, server_log, seed):
    Monkey(page, server, server_log, seed).walk(80)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", SEEDS or range(100, 120))
def test_nothing_breaks_on_long_walks(page, server, server_log, seed):
    Monkey(page, server, server_log, seed).walk(400)
