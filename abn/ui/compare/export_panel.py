"""The export row of Compare: everything as zip, the report, the predictions, and each map.

A file is made only when somebody presses its button.
"""

from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from pathlib import PurePath

import streamlit as st

from abn.explanations.explanation import Explanation
from abn.export.archive import export_zip, file_stems
from abn.export.figures import Comparison, MapStyle, figure_png, npy_bytes
from abn.export.html_report import html_report
from abn.export.tables import predictions_csv
from abn.files import safe_stems
from abn.images import samples
from abn.ui.compare import words
from abn.ui.controls.image_picker import ChosenImage
from abn.ui.layout import escape_markdown
from abn.ui.runtime.turns import background_turn
from abn.ui.state import state
from abn.variants.card import Card

NPY_MIME = "application/octet-stream"


def export_row(shown: Sequence[tuple[Explanation, Card]], chosen: ChosenImage, view: MapStyle, mechanism: str) -> None:
    """The buttons that save what the page shows."""
    comparison = _comparison(shown, chosen, view, mechanism)
    explanations, cards, stem = comparison.explanations, comparison.cards, file_stem(chosen.picture.name)
    st.caption(words.PRIVACY)
    with st.container(horizontal=True, vertical_alignment="center"):
        everything, report = partial(export_zip, comparison), partial(html_report, comparison)
        table = partial(predictions_csv, explanations, cards)
        save_button(words.EVERYTHING, everything, f"{stem}.zip", "application/zip", "folder_zip")
        save_button(words.REPORT, report, f"{stem}.html", "text/html", "article")
        save_button(words.TABLE, table, f"{stem}.csv", "text/csv", "table")
        with st.popover(words.MAPS, icon=":material/image:", key="maps-popover"):
            for index, variant_stem in enumerate(file_stems(cards)):
                name = f"{stem}--{variant_stem}"
                png, npy = partial(figure_png, comparison, index), partial(npy_bytes, explanations[index].attention)
                st.markdown(f"**{escape_markdown(cards[index].title)}**")
                with st.container(horizontal=True):
                    save_button(words.MAP_PNG, png, f"{name}.png", "image/png", "image")
                    save_button(words.MAP_NPY, npy, f"{name}.npy", NPY_MIME, "grid_on")


def file_stem(image: str) -> str:
    """The beginning of the names of all files about an image, given by its name or path."""
    return f"abn-{safe_stems([PurePath(image).stem])[0]}"


def save_button(
    label: str, make: Callable[[], str | bytes], file_name: str, mime: str, icon: str, *, disabled: bool = False
) -> None:
    """A button that saves a file, made by `make` once it is pressed."""
    st.download_button(
        label,
        partial(_in_turn, background_turn(), make),
        file_name,
        mime,
        key=f"keep-{file_name}",
        on_click="ignore",
        disabled=disabled,
        icon=f":material/{icon}:",
    )


def _in_turn(turn, make: Callable[[], str | bytes]) -> str | bytes:
    """Wait for a turn to compute: Streamlit calls this in a thread of its own."""
    with turn:
        return make()


def _comparison(
    shown: Sequence[tuple[Explanation, Card]], chosen: ChosenImage, view: MapStyle, mechanism: str
) -> Comparison:
    photo = samples.gallery().get(state.photo or "")
    return Comparison(
        picture=chosen.picture,
        explanations=[explanation for explanation, _ in shown],
        cards=[card for _, card in shown],
        mechanism=mechanism,
        style=view,
        title=chosen.title,
        alt=chosen.alt,
        credit=f"{photo.author} · {photo.license} · {photo.source}" if photo else "",
        photo=photo.id if photo else None,
        date=date.today().isoformat(),
    )
