"""The image and the variants of the lesson, and how its steps show maps and predictions."""

import streamlit as st

from abn.errors import ABNError
from abn.explanations.explanation import Explanation
from abn.explanations.interventions import Effect
from abn.explanations.stages import Trace
from abn.export.figures import MapStyle
from abn.images import samples
from abn.images.decode import Picture, open_picture
from abn.images.fit import DEFAULT_FIT
from abn.plots import class_bars, theme
from abn.teaching import exercises
from abn.ui import maps, predictions
from abn.ui.components.scroll_into_view import scroll_into_view_on_change
from abn.ui.components.strip import Thumbnail, make_thumbnail
from abn.ui.inside import traces
from abn.ui.layout import escape_markdown
from abn.ui.learn import words
from abn.ui.runtime import cached_inference, models
from abn.ui.state import state
from abn.variants.card import Card
from abn.variants.store import find_variant, list_variants
from abn.vocabulary import HEADS, TRAINED

UPRIGHT, CONTROL = "imagenet-lite0-additive", "imagenet-lite0-none"
PHOTO = "drum-and-wine"
VIEW = MapStyle(opacity=0.55)
SHOWN_CLASSES = 2  # of each head, in its bars
MAX_EXTRA = 6  # labeled images beside the gallery in the step on the two heads


def show_bars(explanation: Explanation, card: Card) -> None:
    """The most probable classes of both heads, with a legend of the colors."""
    series = [(name, theme.HEAD_COLORS[head], getattr(explanation, head)) for head, name in HEADS.items()]
    classes = class_bars.shared_classes(explanation, SHOWN_CLASSES)
    listed = "; ".join(
        f"{name}: {class_bars.probabilities_in_words(probabilities, explanation.labels, classes)}"
        for name, _, probabilities in series
    )
    alt = words.BARS_ALT.format(title=card.title, listed=listed)
    st.html(class_bars.class_bars(series, explanation.labels, classes, legend=True, alt=alt))


def list_head_photos() -> list[samples.Photo]:
    """The gallery's photographs, and labeled ones on which the heads of the step's variant disagree by the stored
    predictions, in the order of their titles."""
    material = exercises.read_material()
    gallery = [photo for photo in samples.gallery().values() if photo.kind == "photograph"]
    extra = [
        photo
        for photo in samples.photographs()
        if not photo.gallery
        and (record := material.predictions.get((photo.id, UPRIGHT)))
        and record.auxiliary[0].index != record.perception[0].index
    ]
    return sorted(gallery + extra[:MAX_EXTRA], key=lambda photo: photo.title)


def find_inverted() -> Card:
    """The variant whose map was made to be inverted: the lesson of the family. Raises `ABNError` without one."""
    family = find_variant(UPRIGHT).family
    lessons = [card for card in list_variants() if card.family == family and card.lesson]
    if not lessons:
        raise ABNError(f"The family {family} has no variant with an inverted map. Restore the checkpoints.")
    return lessons[0]


def require_variants() -> None:
    """End the page with a sentence where a variant that the lesson is about is missing or broken."""
    try:
        errors = list(models.find_broken([find_variant(UPRIGHT), find_inverted()]).values())
    except ABNError as error:
        errors = [str(error)]
    for sentence in errors:
        st.warning(escape_markdown(sentence), icon=":material/warning:")
    if errors:
        st.stop()


@st.cache_resource(show_spinner=False, max_entries=48)
def open_image(photo_id: str) -> Picture:
    """A shipped photograph, opened once for all sessions."""
    photo = next(photo for photo in samples.photographs() if photo.id == photo_id)
    return open_picture(photo.path.read_bytes(), name=photo.file)


@st.cache_resource(show_spinner=False, max_entries=1)
def make_thumbnails(photo_ids: tuple[str, ...]) -> tuple[Thumbnail, ...]:
    titles = {photo.id: photo.title for photo in samples.photographs()}
    return tuple(Thumbnail(key, titles[key], make_thumbnail(open_image(key).image)) for key in photo_ids)


def trace_image() -> tuple[Card, Trace]:
    card = find_variant(UPRIGHT)
    return card, traces.get_trace(open_image(PHOTO), card, DEFAULT_FIT)


def explain_image(picture: Picture, card: Card, applied: str = TRAINED) -> Explanation:
    explanations = cached_inference.explain_image(picture, [card], fit=DEFAULT_FIT, mechanism=applied)
    if not explanations:  # never where the page has required its variants
        st.stop()
    return explanations[0]


def reveal(part: str, chosen: object) -> None:
    """Scroll to the container `lesson-PART` once a person has `chosen` something else: on a phone, what follows from a
    press may lie below the screen."""
    name = f"lesson-{part}"
    scroll_into_view_on_change(f".st-key-{name}", str(chosen), key=f"{name}-{state.lesson_step}")


def show_effect(before: Explanation, after: Explanation) -> None:
    """Show how the prediction changes."""
    predictions.show_effect(Effect("", after.attention, before.perception, after.perception), before.labels)


def show_map(explanation: Explanation, card: Card, key: str) -> None:
    image, title = explanation.fitted.image, f"Attention map of {card.title}"
    maps.show_attention(image, explanation.attention, VIEW, title=title, key=key)
