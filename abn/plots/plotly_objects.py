"""Plotly's graph objects, imported after pandas: Plotly fails where another session's thread has only begun to import
pandas, as it takes the half of it that is there."""

import pandas  # noqa: F401
import plotly.graph_objects as go

__all__ = ["go"]
