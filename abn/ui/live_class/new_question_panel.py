"""The questions of a room, and the ways to add some: a set, an image of the gallery or the teacher, a free choice."""

import streamlit as st

from abn.errors import ABNError
from abn.images import samples
from abn.images.decode import MAX_BYTES, Picture, open_picture
from abn.images.fit import DEFAULT_FIT
from abn.teaching import exercises
from abn.teaching.live_class import new_questions
from abn.teaching.live_class.new_questions import CHOICE, KINDS, MAX_OPTION, MAX_OPTIONS, MAX_TEXT, Source
from abn.teaching.live_class.question import NO_OPTION
from abn.teaching.live_class.room import Room, delete_question
from abn.teaching.live_class.room_image import FIT, RoomImage, make_room_image, open_room_image
from abn.ui.elements import IN_SESSION, choose
from abn.ui.for_teachers.papers import chosen_set
from abn.ui.layout import escape_markdown
from abn.ui.live_class import rooms, words
from abn.ui.live_class.question_panel import LETTERS
from abn.ui.runtime import cached_inference, models
from abn.variants.card import Card

EDITS = ("inverted", "shuffled", "constant mean", "zeros", "ones", "flipped")
OWN = "own"  # in the menu of images, beside the gallery's names
Chosen = tuple[Picture, Source] | None


def show_questions(room: Room) -> None:
    """The ways to add questions, and the list of those that the room has."""
    way = choose(words.HOW, words.WAYS, "room-way", label_visibility="collapsed", **IN_SESSION)
    if way == words.SET:
        _show_set(room)
    elif way == words.FREE:
        _show_free_choice(room)
    else:
        _show_image_question(room, _choose_photo() if way == words.GALLERY else _choose_upload("room-upload"))
    with st.container(key="room-list", gap="xsmall"):
        for number, question in enumerate(room.questions, 1):
            with st.container(horizontal=True, vertical_alignment="center"):
                heading = escape_markdown(question.heading or question.text)
                line = words.LISTED.format(number=number, heading=heading)
                st.markdown(f"**{line}**" if number == room.place + 1 else line, width="stretch")
                if number > room.place + 1:
                    st.button(
                        words.DELETE.format(number=number),
                        icon=":material/delete:",
                        type="tertiary",
                        on_click=rooms.change,
                        args=(room.code, lambda now, name=question.id: delete_question(now, name)),
                        key=f"room-delete-{question.id}",
                    )


def _show_set(room: Room) -> None:
    seed = st.number_input(
        words.SEED, exercises.SETS[0], exercises.SETS[-1], chosen_set(), help=words.SEED_HELP, key="room-seed"
    )
    if st.button(
        words.ADD_SET.format(count=exercises.COUNT),
        type="secondary" if room.questions else "primary",  # with questions, the next thing to do is to begin
        icon=":material/add:",
        key="room-add-set",
    ):
        with st.spinner(words.PREPARING):
            rooms.attempt(lambda: rooms.add(room.code, new_questions.questions_of_set(seed, exercises.read_material())))
        st.rerun()


def _choose_photo() -> Chosen:
    photos = {key: photo for key, photo in samples.gallery().items() if photo.kind == "photograph"}
    key = st.selectbox(words.IMAGE, list(photos), format_func=lambda name: photos[name].title, key="room-photo")
    return _open_photo(key)


def _open_photo(key: str) -> tuple[Picture, Source]:
    photo = samples.gallery()[key]
    picture = open_picture(photo.path.read_bytes(), name=photo.file)
    return picture, Source(photo.title, photo.alt, f"{photo.author} ({photo.license})", photo.classes)


def _choose_upload(key: str) -> Chosen:
    file = st.file_uploader(words.UPLOAD_LABEL, help=words.UPLOAD_HELP, max_upload_size=MAX_BYTES // 10**6, key=key)
    if file is None:
        return None
    try:
        return open_picture(file.getvalue(), name=file.name), Source(words.OWN_TITLE, words.OWN_ALT)
    except ABNError as error:
        st.error(escape_markdown(str(error)), icon=":material/broken_image:")
        return None


def _show_image_question(room: Room, chosen: Chosen) -> None:
    """The variant and the kind of question about an image."""
    kind = st.selectbox(words.KIND, [*KINDS], format_func=KINDS.__getitem__, key="room-kind")
    cards = {card.id: card for card in models.list_shipped() if card.kind == "photograph"}
    name = st.selectbox(words.VARIANT, list(cards), format_func=lambda key: cards[key].title, key="room-variant")
    edit = st.selectbox(words.EDIT, EDITS, key="room-edit") if kind == "flip" else EDITS[0]
    pressed = st.button(
        words.ADD, type="primary", icon=":material/add:", disabled=chosen is None, key="room-add-image-question"
    )
    if pressed and chosen:
        with st.spinner(words.PREPARING):
            rooms.attempt(lambda: _add_image_question(room, kind, chosen, cards[name], edit))
        st.rerun()


def _add_image_question(room: Room, kind: str, chosen: tuple[Picture, Source], card: Card, edit: str) -> None:
    """Run the variant on the room's image, and ask about it. Raises `ABNError` where that would not be fair."""
    picture, source = chosen
    image = make_room_image(picture, card.input, DEFAULT_FIT)
    shown = open_room_image(image.data)
    (explanation,) = cached_inference.explain_image(shown, [card], fit=FIT)
    attended = cached_inference.get_subject(shown, card, FIT)
    seed = len(room.questions)
    rooms.add(
        room.code,
        new_questions.question_on_image(kind, image, source, card, explanation, attended, edit=edit, seed=seed),
    )


def _show_free_choice(room: Room) -> None:
    text = st.text_area(words.TEXT, max_chars=MAX_TEXT, height=80, key="room-text")
    columns = st.columns(2, gap="small")
    options = [
        columns[number % 2].text_input(
            words.OPTION.format(letter=letter), max_chars=MAX_OPTION, autocomplete="off", key=f"room-{letter}"
        )
        for number, letter in enumerate(LETTERS[:MAX_OPTIONS])
    ]
    given = [option for option in options if option.strip()]
    right = st.selectbox(
        words.RIGHT_OPTION,
        [NO_OPTION, *range(len(given))],
        format_func=lambda k: given[k] if k >= 0 else words.NO_RIGHT,
        key="room-right",
    )
    titles = {"": words.NO_IMAGE, OWN: words.OWN_IMAGE} | {k: p.title for k, p in samples.gallery().items()}
    name = st.selectbox(words.WITH_IMAGE, list(titles), format_func=titles.__getitem__, key="room-with")
    chosen = _choose_upload("room-free-upload") if name == OWN else _open_photo(name) if name else None
    missing = name == OWN and chosen is None
    if st.button(words.ADD, type="primary", icon=":material/add:", disabled=missing, key=f"room-add-{CHOICE}"):
        rooms.attempt(lambda: _add_free_choice(room, text or "", given, right, chosen))
        st.rerun()


def _add_free_choice(room: Room, text: str, options: list[str], right: int, chosen: Chosen) -> None:
    image: RoomImage | None = None
    source = new_questions.NO_SOURCE
    if chosen:
        picture, source = chosen
        image = make_room_image(picture, models.list_shipped()[0].input, DEFAULT_FIT)
    rooms.add(room.code, new_questions.free_choice(text, options, right, image, source))
