"""How many inputs a test by hypothesis tries: hundreds in CI, and with ABN_NIGHTLY=1 ten thousand and more.

ABN_NIGHTLY=1 python -m pytest -n auto -m "fuzz or nightly"
"""

import os

import pytest
from hypothesis import HealthCheck, settings

NIGHTLY = 10_000 if os.environ.get("ABN_NIGHTLY") == "1" else 0


def fuzz(times: int):
    """In the place of `settings`: so many inputs, or a nightly number of them."""

    def decorate(test):
        quiet = list(HealthCheck) if NIGHTLY else ()
        tried = settings(max_examples=max(times, NIGHTLY), deadline=None, suppress_health_check=quiet)(test)
        return pytest.mark.fuzz(tried)

    return decorate
