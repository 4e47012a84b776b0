"""Custom Streamlit components: each a Python function with its script and style beside it."""

from typing import Any

import streamlit as st


def reported_value(key: str, name: str) -> Any:
    """What the component of that key has just reported under a name. None where it stands no longer: a page that is
    being left can be pressed on until the next one is drawn."""
    return getattr(st.session_state.get(key), name, None)
