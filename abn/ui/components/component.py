"""A custom component of Streamlit: its script, style and markup lie as files of its name in its folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st


class Component:
    """The component of the folder `name`, whose script may report values as the trigger `event`."""

    def __init__(self, name: str, event: str = "picked") -> None:
        files = {kind: Path(__file__).parent / name / f"{name}.{kind}" for kind in ("js", "css", "html")}
        texts: dict[str, Any] = {
            kind: file.read_text(encoding="utf-8") for kind, file in files.items() if file.exists()
        }
        self.mount, self.event = st.components.v2.component(f"abn_{name}", **texts), event

    def show(self, key: str, data: Any, on_report: Callable[[Any], object] | None = None) -> None:
        """Draw it with its data; `on_report` gets a reported value, which may be anything: the browser sent it."""

        def report() -> None:
            value = reported_value(key, self.event)
            if on_report and value is not None:
                on_report(value)

        callbacks: dict[str, Any] = {f"on_{self.event}_change": report} if on_report else {}
        # in a list: Streamlit would check each value of a dict for a dataframe
        self.mount(key=key, data=[data], **callbacks)


def reported_value(key: str, event: str) -> Any:
    """The value that the component of that key has just reported. None where it stands no longer: a page that is being
    left can be pressed on until the next one is drawn."""
    return getattr(st.session_state.get(key), event, None)
