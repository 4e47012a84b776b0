"""What a fine-tuning changed: before, after and control on examples, held-out images and labeled photographs."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from abn.explanations.explanation import Prediction
from abn.export.figures import npy_bytes
from abn.images.decode import Picture
from abn.plots import color_limits, numbers, theme
from abn.ui import maps, model_card, predictions
from abn.ui.compare.export_panel import NPY_MIME, save_button
from abn.ui.controls import image_picker
from abn.ui.controls.choice_bar import Choice
from abn.ui.elements import show_shaded_table
from abn.ui.layout import escape_markdown
from abn.ui.own import session_variants
from abn.ui.own import words as own_words
from abn.ui.python_code import code_menu
from abn.ui.runtime import cached_inference
from abn.ui.state import state
from abn.ui.teach_map import session_examples, teaching, words
from abn.ui.teach_map.teaching import TaughtResult
from abn.variants.card import class_names
from abn.vocabulary import HEADS

if TYPE_CHECKING:  # it imports torch, for which no first view waits
    from abn.training.map_teaching.report import ImageReport, Outcome, Summary

WEIGHTS = "application/octet-stream"


def headline(result: TaughtResult, sentence: str = "{nearer}") -> str:
    """How much nearer the map came to its target, beside the control, and on how many examples."""
    from abn.training.map_teaching.report import NETWORKS, TAUGHT, count_nearer, summarize_images

    examples = result.report.examples
    distances = {name: _fixed(summarize_images(examples, name).squared_distance, 3) for name in NETWORKS}
    nearer = words.NEARER.format(count=count_nearer(examples, TAUGHT), all=len(examples), **distances)
    return sentence.format(nearer=nearer)


def show_result(choice: Choice, result: TaughtResult) -> None:
    """Maps and figures of a fine-tuning, and what to do with the taught variant."""
    settings, examples = result.plan.settings, words.count_examples(len(result.plan.kept))
    st.subheader(headline(result), anchor="result", help=words.NETWORK_HELP)
    st.markdown(
        words.RESULT_OF.format(
            title=escape_markdown(result.title),
            examples=examples,
            weight=settings.map_weight,
            kept=settings.kept_maps,
            steps=settings.steps,
            time=numbers.duration(sum(result.report.seconds.values())),
        )
    )
    _show_ways(result)
    _show_image(choice, result)
    show_shaded_table([words.MEASURE, *words.NETWORKS.values()], list_rows(result))
    st.markdown(words.LIMITS.format(examples=examples), help=words.HOW_TO_READ)
    model_card.show_card(state.own_variants[result.variant].card)


def describe_result(result: TaughtResult) -> code_menu.Program:
    """The fine-tuning, as Python; its target maps by the file that the page saves."""
    plan, settings = result.plan, result.plan.settings
    named = zip(plan.kept, result.report.examples, strict=True)
    return "taught map", {
        "images": [code_menu.find_path(example.sha256, image.name) for example, image in named],
        "fit": plan.fit,
        "labels": tuple(example.label for example in plan.kept),
        "file": _targets_file(result),
        "map_weight": settings.map_weight,
        "kept_maps": settings.kept_maps,
        "steps": settings.steps,
        "learns": settings.learns,
    }


def _targets_file(result: TaughtResult) -> str:
    return f"{result.exported.id}--targets.npy"


def _pack_targets(result: TaughtResult) -> bytes:
    """The target maps of all examples (N, h, w), in the cells of M."""
    return npy_bytes(np.array([image.target for image in result.report.examples]))


def list_rows(result: TaughtResult) -> list[tuple[str, list[str]]]:
    """The rows of the table: their names, and a text for each network."""
    from abn.training.map_teaching.report import NETWORKS, summarize_images

    report, rows = result.report, []

    def add(name: str, group: str, texts: Sequence[str]) -> None:
        rows.append((name.format(group=group), list(texts)))

    taught, held_out = (
        [summarize_images(images, network) for network in NETWORKS] for images in (report.examples, report.held_out)
    )
    group = words.TAUGHT_ROWS.format(count=taught[0].count)
    add(words.CORRELATION, group, [_fixed(summary.rank_correlation) for summary in taught])
    add(words.OVERLAP, group, [_fixed(summary.overlap) for summary in taught])
    add(words.DISTANCE, group, [_fixed(summary.squared_distance, 3) for summary in taught])
    add(words.UNCHANGED, group, _unchanged(taught))
    if taught[0].labeled:
        labeled = words.TAUGHT_ROWS.format(count=taught[0].labeled)
        add(words.CORRECT, labeled, [_counts(s.perception_correct, s.auxiliary_correct, s.labeled) for s in taught])
    if held_out[0].count:
        group = words.HELD_OUT_ROWS.format(count=held_out[0].count)
        add(words.MOVED, group, [words.SAME, *(_fixed(summary.map_change, 3) for summary in held_out[1:])])
        add(words.UNCHANGED, group, _unchanged(held_out))
    if report.labeled:
        figures = [report.labeled[network] for network in NETWORKS]
        group = words.LABELED_ROWS.format(count=int(figures[0]["count"]))
        add(words.ACCURACY, group, [_percents(f["perception_top1"], f["auxiliary_top1"]) for f in figures])
        unchanged = [_percents(f["perception_unchanged"], f["auxiliary_unchanged"]) for f in figures[1:]]
        add(words.UNCHANGED, group, [words.SAME, *unchanged])
    return rows


def _unchanged(summaries: "Sequence[Summary]") -> list[str]:
    texts = [_counts(s.perception_unchanged, s.auxiliary_unchanged, s.count) for s in summaries[1:]]
    return [words.SAME, *texts]


def _counts(perception: float, auxiliary: float, count: int) -> str:
    """Shares of a few images as what they count."""
    parts = [words.OF.format(part=round(share * count), count=count) for share in (perception, auxiliary)]
    return words.TWO_HEADS.format(perception=parts[0], auxiliary=parts[1])


def _percents(perception: float, auxiliary: float) -> str:
    return words.TWO_HEADS.format(perception=numbers.percent(perception), auxiliary=numbers.percent(auxiliary))


def _fixed(value: float, digits: int = 2) -> str:
    return words.UNDEFINED if np.isnan(value) else numbers.fixed(value, digits)


def _show_ways(result: TaughtResult) -> None:
    """What to do with the taught variant: compare it, export it with its targets."""
    network = state.own_variants[result.variant].network
    with st.container(horizontal=True, vertical_alignment="center"):
        if result.variant in (state.variant_ids or []):
            st.page_link("app.py", label=own_words.OPEN_COMPARE, icon=":material/compare:")
        else:
            st.button(
                words.COMPARE,
                icon=":material/compare:",
                on_click=session_variants.add_to_compare,
                args=(result.variant,),
                key="compare-taught",
            )
        make: Callable[[], bytes] = partial(teaching.export_file, network, result.exported)
        save_button(words.EXPORT, make, f"{result.exported.id}.safetensors", WEIGHTS, "download")
        targets = partial(_pack_targets, result)
        save_button(words.EXPORT_TARGETS, targets, _targets_file(result), NPY_MIME, "grid_on")


def _show_image(choice: Choice, result: TaughtResult) -> None:
    """Target, and M with both heads in each network, of an example or of a held-out image."""
    report, plan = result.report, result.plan
    options = [words.EXAMPLE_OPTION.format(title=example.title) for example in plan.kept]
    options += [words.HELD_OUT_OPTION.format(title=photo.title) for photo in result.held_out]
    index = st.selectbox(
        words.IMAGE,
        range(len(options)),
        format_func=lambda i: options[i],
        key=f"taught-image-{plan.digest[:12]}",
        label_visibility="collapsed",
        width=480,
    )
    index = index if index is not None else 0
    image = (*report.examples, *report.held_out)[index]
    picture = _find(result, index)
    if picture is None:
        st.caption(words.IMAGE_REMOVED)
        return
    fitted = cached_inference.get_subject(picture, plan.card, plan.fit).fitted
    attentions = [outcome.attention for outcome in image.outcomes.values()]
    targets = [] if image.target is None else [image.target]
    limits = color_limits.limits([*targets, *attentions], choice.view.scale)
    labels, title = class_names(plan.card), picture.name
    with st.container(key="pairs-taught"):
        columns = st.columns(len(limits), gap="medium")
    shown = [(words.TARGET, target, words.TARGET_MAP_ALT.format(title=title), "") for target in targets]
    for network, outcome in image.outcomes.items():
        name = words.NETWORKS[network]
        shown.append((name, outcome.attention, words.MAP_ALT.format(title=title, network=name), network))
    for column, (name, attention, alt, network), limit in zip(columns, shown, limits, strict=True):
        with column:
            st.markdown(f"**{name}**")
            key = f"taught-{network or 'target'}"
            maps.show_attention(fitted.image, attention, choice.view, title=alt, key=key, limits=limit)
            if network:
                _show_outcome(image, network, labels)


def _show_outcome(image: "ImageReport", network: str, labels: Sequence[str]) -> None:
    outcome = image.outcomes[network]
    predictions.show_classes(
        {HEADS[head].split()[0]: (theme.HEAD_COLORS[head], [_first(outcome, head, labels)]) for head in HEADS}
    )
    if agreement := image.agreement(network):
        st.caption(
            words.AGREEMENT.format(
                correlation=_fixed(agreement.rank_correlation),
                overlap=_fixed(agreement.overlap),
                distance=_fixed(agreement.squared_distance, 3),
            )
        )


def _first(outcome: "Outcome", head: str, labels: Sequence[str]) -> Prediction:
    probabilities = getattr(outcome, head)
    k = int(probabilities.argmax())
    return Prediction(k, labels[k], float(probabilities[k]))


def _find(result: TaughtResult, index: int) -> Picture | None:
    count = len(result.plan.kept)
    if index < count:
        return session_examples.find_image(result.plan.kept[index].photo)
    return image_picker.open_photo(result.held_out[index - count].id).picture
