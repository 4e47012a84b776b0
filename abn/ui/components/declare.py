"""A component's script, style and markup lie as files of its name in its folder."""

from pathlib import Path

import streamlit as st


def declare(name: str):
    """Streamlit's component of the folder `name`."""
    folder = Path(__file__).parent / name
    js, css, html = (
        path.read_text(encoding="utf-8") if (path := folder / f"{name}.{kind}").exists() else None
        for kind in ("js", "css", "html")
    )
    return st.components.v2.component(f"abn_{name}", js=js, css=css, html=html)
