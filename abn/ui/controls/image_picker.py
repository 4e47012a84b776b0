"""The strip of photographs and uploads, and the image chosen in it; the address holds a photograph of the gallery, or
the number of an upload, which means something to the same session alone."""

from dataclasses import dataclass

import streamlit as st
from PIL import Image, ImageOps

from abn.images import samples
from abn.images.decode import Picture, open_picture
from abn.ui import url
from abn.ui.components.strip import Thumbnail, make_thumbnail, show_strip
from abn.ui.controls import uploads, words
from abn.ui.controls.lazy_picture import LazyPicture
from abn.ui.layout import escape_markdown, name_on_projector
from abn.ui.state import state

DISPLAY = 640  # pixels: the longest side of an image as it is shown


@dataclass(frozen=True)
class ChosenImage:
    """The image that the page is about."""

    picture: Picture
    display: Image.Image  # the same, no larger than a screen shows it
    title: str
    alt: str
    credit: str = ""  # author and license as Markdown; empty for a person's own
    source: str = ""  # where it was taken from
    kind: str = "photograph"  # as samples.Photo has it


def choose_image() -> ChosenImage:
    """Draw the strip, and return the image chosen in it."""
    gallery, own = samples.gallery(), state.uploads
    first = next(iter(gallery))
    names = {f"own-{upload.number}": key for key, upload in own.items()} | {name: name for name in gallery}
    given = st.query_params.get("photo", "")
    chosen = url.restore("photo", [*gallery, *own], first, names.get(given))
    if given and given not in names:
        state.photo_missing = True
    state.photo_missing = state.photo_missing and chosen == first  # until another image is chosen
    if state.photo_missing:
        st.info(words.NOT_HERE, icon=":material/hide_image:")
    items = [Thumbnail(key, upload.picture.name, upload.thumbnail) for key, upload in reversed(own.items())]
    if not url.controls_hidden():
        show_strip([*items, *gallery_thumbnails()], chosen, label=words.IMAGES, key="strip", on_pick=choose_photo)
    else:
        st.caption(escape_markdown(own[chosen].picture.name if chosen in own else gallery[chosen].title))
    name_on_projector(escape_markdown(own[chosen].picture.name if chosen in own else gallery[chosen].title))
    uploads.show_refused()
    url.sync_query_param("photo", next(name for name, key in names.items() if key == chosen), first)
    if chosen not in own:
        return open_photo(chosen)
    picture = own[chosen].picture
    if state.display is None or state.display[0] != picture.sha256:
        state.display = picture.sha256, fit_display(picture.image)
    return ChosenImage(picture, state.display[1], picture.name, words.OWN_ALT.format(name=picture.name))


def show_image_menu() -> None:
    """All images by their titles, to be searched, and the ways to bring one's own, behind one button."""
    titles = {key: photo.title for key, photo in samples.gallery().items()}
    titles = {key: upload.picture.name for key, upload in reversed(state.uploads.items())} | titles
    with st.popover(words.IMAGE_MENU, icon=":material/add_photo_alternate:", key="uploads-popover"):
        key = f"title-{state.photo}"  # another one for each image: a browser keeps what it has drawn in a closed menu
        st.selectbox(
            words.FIND,
            list(titles),
            list(titles).index(state.photo) if state.photo in titles else 0,
            format_func=lambda photo: titles.get(photo, ""),
            key=key,
            on_change=_choose_by_title,
            args=(key,),
        )
        uploads.show_uploaders()


def _choose_by_title(key: str) -> None:
    if photo := url.held(key):
        choose_photo(photo)


def choose_photo(photo: str) -> None:
    """Make a photograph of the gallery, or an upload, the image of all pages."""
    state.photo = photo


@st.cache_resource(show_spinner=False)
def open_photo(photo_id: str) -> ChosenImage:
    """A photograph of the gallery, opened once for all sessions."""
    photo = samples.gallery()[photo_id]
    picture = LazyPicture(open_picture(photo.path.read_bytes(), name=photo.file), photo.path.read_bytes)
    return ChosenImage(
        picture,
        fit_display(picture.image),
        photo.title,
        photo.alt,
        f"{escape_markdown(photo.author)} · {escape_markdown(photo.license)}",
        escape_markdown(photo.source),
        photo.kind,
    )


def fit_display(image: Image.Image) -> Image.Image:
    """No larger than a screen shows it; and large enough to be framed and drawn on."""
    if max(image.size) < DISPLAY // 4:
        times = DISPLAY // 2 // max(image.size)
        return image.resize((image.width * times, image.height * times), Image.Resampling.BICUBIC)
    if max(image.size) <= DISPLAY:
        return image
    coarse = image.reduce(max(1, max(image.size) // DISPLAY))  # many pixels at once
    return ImageOps.contain(coarse, (DISPLAY, DISPLAY), Image.Resampling.BILINEAR)


@st.cache_resource(show_spinner=False, max_entries=1)
def gallery_thumbnails() -> tuple[Thumbnail, ...]:
    """The photographs of the gallery, small, made once for all sessions."""
    return tuple(
        Thumbnail(key, photo.title, make_thumbnail(Image.open(photo.path).convert("RGB")))
        for key, photo in samples.gallery().items()
    )
