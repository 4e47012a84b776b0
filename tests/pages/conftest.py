"""Compare before and after its networks are loaded."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def app(loading_engine) -> AppTest:
    """The page while the networks load, which they here never finish."""
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=180)


@pytest.fixture
def live_app(app, ready_engine) -> AppTest:
    """The page once the networks are loaded."""
    return app
