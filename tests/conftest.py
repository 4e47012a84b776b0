"""What several test files need."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def network():
    """A loader that reads each variant's weights once for all tests."""
    from abn.variants import Card, load_variant

    loaded = {}

    def load(card: Card):
        try:
            key = hashlib.sha256(card.weights.read_bytes()).hexdigest(), card.sha256, card.mechanism
        except OSError:
            return load_variant(card)  # which says what is wrong
        if key not in loaded:
            loaded[key] = load_variant(card)
        return loaded[key]

    return load


@pytest.fixture
def clean_caches() -> Iterator[None]:
    """Streamlit's caches outlive an AppTest: empty before and after."""
    import streamlit as st

    st.cache_data.clear()
    st.cache_resource.clear()
    yield
    st.cache_data.clear()
    st.cache_resource.clear()
