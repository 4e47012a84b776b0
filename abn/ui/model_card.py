"""The model card of a variant in an expander: eight lines, and everything else in a second expander within."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import streamlit as st

from abn.plots import numbers
from abn.ui.layout import escape_markdown
from abn.ui.runtime import models
from abn.variants.card import IMAGENET, UNTRAINED_KIND, Card
from abn.vocabulary import EQUATIONS, PARTS

TITLE = "Model card: {title}"
DETAILS = "Details"
DETAILS_ALT = "Details of the model card of {title}"

BACKBONE, TRAINED_WITH, DATA, INPUT = "Backbone", "Trained with", "Training data", "Input and map"
SIZE, ACCURACY, LOCALIZATION, LICENSE = "Size", "Accuracy", "Map on objects", "License"  # the eight lines

CLASSES = "{backbone}, {classes:,} classes{data}"
IMAGENET_CLASSES = " of ImageNet"
MECHANISM = "{mechanism} mechanism, {equation}"
UNTRAINED = "random weights, not trained ({mechanism} mechanism, {equation})"
INPUT_AND_MAP = "{size} × {size} px, map {rows} × {columns} cells"
SIZES = "{parameters:.2f} M parameters ({branch:.2f} M in the attention branch), {gflops:.2f} GFLOPs per image"
ACCURACIES = "perception {perception}, auxiliary {auxiliary} ({data}{count})"
ACCURACIES_AND_CONTROL = "perception {perception}, auxiliary {auxiliary}, {control} {reference} ({data}{count})"
LOCATED = "pointing {pointing}, ROC-AUC {roc_auc} ({data}{count})"
COUNT = ", n = {count:,}"
UNKNOWN, UNMEASURED = "not stated", "not measured"

PARAMETERS, FLOPS, ENGINE, TRUNK = "Parameters, {part}", "FLOPs, {part} (1 multiply-add = 2)", "Runs on", "Trunk"
MEASURED, CONTROL, TRAINING, LICENSE_DETAIL = (
    "Measured: {name}",
    "Control: {name}",
    "Training: {name}",
    "License: {name}",
)
SHA256 = "sha256 of the weights"
YES, NO = "yes", "no"

ACCURACY_KEYS = (("perception_top1", "auxiliary_top1"), ("accuracy", "accuracy_auxiliary"))
LOCATION_KEYS = ("pointing", "roc_auc")
FIGURES = {  # of `Card.measured`; others are named by their keys
    "perception_right": "perception agreement with the baseline",
    "auxiliary_right": "auxiliary agreement with the baseline",
    "perception_top1": "perception top-1",
    "auxiliary_top1": "auxiliary top-1",
    "perception_top5": "perception top-5",
    "auxiliary_top5": "auxiliary top-5",
    "accuracy": "perception accuracy",
    "accuracy_auxiliary": "auxiliary accuracy",
    "roc_auc": "ROC-AUC",
    "energy_over_area": "energy ÷ area",
}
CONTROLS = "controls"  # of `Card.measured`: name of a control → data → figures
_PATH = re.compile(rf"({'|'.join(PARTS)})(\.\w+)+")  # attention_branch.map_norm


def show_card(card: Card, *, opened: bool = False) -> None:
    """The summary of a card in an expander, its details in another one; put together while it is `opened`."""
    title = escape_markdown(card.title)
    with st.expander(
        TITLE.format(title=title), opened, icon=":material/badge:", key=f"card-{card.id}", on_change="rerun"
    ) as shown:
        if not shown.open:
            return
        if card.summary:
            st.markdown(escape_markdown(card.summary))
        _show_rows(summary(card), TITLE.format(title=card.title))
        with st.expander(DETAILS, icon=":material/list:"):
            _show_rows(details(card) | {ENGINE: models.load_runner(card).engine}, DETAILS_ALT.format(title=card.title))


def summary(card: Card) -> dict[str, str]:
    """The eight lines of a card: name → text. A card from anybody may lack what a line needs."""
    mechanism = {"mechanism": card.mechanism, "equation": EQUATIONS[card.mechanism]}
    data = card.trained.get("data")
    return {
        BACKBONE: CLASSES.format(
            backbone=card.backbone,
            classes=card.num_classes,
            data=IMAGENET_CLASSES if card.classes == IMAGENET else "",
        ),
        TRAINED_WITH: (UNTRAINED if card.kind == UNTRAINED_KIND else MECHANISM).format(**mechanism),
        DATA: data if isinstance(data, str) and data else UNKNOWN,
        INPUT: INPUT_AND_MAP.format(size=card.input.size, rows=card.map_size[0], columns=card.map_size[1]),
        SIZE: SIZES.format(
            parameters=sum(card.parameters.values()) / 1e6,
            branch=card.parameters.get("attention_branch", 0) / 1e6,
            gflops=sum(card.flops.values()) / 1e9,
        ),
        ACCURACY: _accuracy(card.measured),
        LOCALIZATION: _localization(card.measured),
        LICENSE: str(card.license.get("weights") or UNKNOWN),
    }


def details(card: Card) -> dict[str, str]:
    """Everything else that a card holds: name → text, without empty values."""
    controls = card.measured.get(CONTROLS)
    measured = {key: value for key, value in card.measured.items() if key != CONTROLS}
    rows = {
        **({TRUNK: card.trunk} if card.trunk else {}),
        **{
            PARAMETERS.format(part=name): f"{card.parameters[part]:,}"
            for part, name in PARTS.items()
            if part in card.parameters
        },
        **{
            FLOPS.format(part=name): f"{card.flops[part] / 1e9:.2f} G"
            for part, name in PARTS.items()
            if part in card.flops
        },
        **_rows(measured, MEASURED),
        **_rows(controls if isinstance(controls, Mapping) else {}, CONTROL),
        **_rows(card.trained, TRAINING),
        **_rows(card.license, LICENSE_DETAIL),
        SHA256: card.sha256,
    }
    return {name: text for name, text in rows.items() if text}


def _show_rows(rows: Mapping[str, str], alt: str) -> None:
    texts = {escape_markdown(name): escape_markdown(text) for name, text in rows.items()}
    st.table(texts, border="horizontal", hide_header=True, alt=alt)


def _accuracy(measured: Mapping[str, Any]) -> str:
    """Top-1 accuracy of both heads on the first data set that has it, beside the first control that was measured."""
    for data, figures in _data_sets(measured):
        for perception, auxiliary in ACCURACY_KEYS:
            if not all(_is_number(figures.get(key)) for key in (perception, auxiliary)):
                continue
            values = {
                "perception": numbers.percent(figures[perception]),
                "auxiliary": numbers.percent(figures[auxiliary]),
                "data": _name(data),
                "count": _count(figures),
            }
            for control, of_control in _data_sets(measured.get(CONTROLS)):
                reference = of_control.get(data)
                if isinstance(reference, Mapping) and _is_number(reference.get(perception)):
                    reference = numbers.percent(reference[perception])
                    return ACCURACIES_AND_CONTROL.format(control=_name(control), reference=reference, **values)
            return ACCURACIES.format(**values)
    return UNMEASURED


def _localization(measured: Mapping[str, Any]) -> str:
    """Pointing game and ROC-AUC of M on the first data set that has both."""
    for data, figures in _data_sets(measured):
        if all(_is_number(figures.get(key)) for key in LOCATION_KEYS):
            values = {key: numbers.fixed(figures[key], 3) for key in LOCATION_KEYS}
            return LOCATED.format(data=_name(data), count=_count(figures), **values)
    return UNMEASURED


def _data_sets(values: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(values, Mapping):
        yield from ((key, inner) for key, inner in values.items() if isinstance(inner, Mapping) and key != CONTROLS)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _count(figures: Mapping[str, Any]) -> str:
    count = figures.get("count")
    return COUNT.format(count=count) if _is_number(count) else ""


def _rows(values: Mapping[str, Any], label: str) -> dict[str, str]:
    """One row per entry; an entry of several values is one text."""
    return {label.format(name=_name(key)): _text(value) for key, value in values.items()}


def _text(value: Any) -> str:
    """A value as people read it; empty for None, an empty text and an empty list."""
    if isinstance(value, Mapping):
        texts = {_name(key): _text(inner) for key, inner in value.items()}
        return ", ".join(f"{name} {text}" for name, text in texts.items() if text)
    if isinstance(value, list | tuple):
        return ", ".join(filter(None, map(_text, value)))
    if value is None:
        return ""
    if isinstance(value, bool):
        return YES if value else NO
    if isinstance(value, float):
        return f"{value:.4g}"
    return _name(value) if isinstance(value, str) and _PATH.fullmatch(value) else str(value)


def _name(key: Any) -> str:
    """A key as words: "perception top1"; the path of a layer from the inside: "map norm of attention branch"."""
    text = FIGURES.get(str(key), str(key))
    return (" of ".join(reversed(text.split("."))) if _PATH.fullmatch(text) else text).replace("_", " ")
