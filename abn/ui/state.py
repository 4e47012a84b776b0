"""All that a session holds: the one declaration of the keys of `st.session_state`, each with its type and its default.

`state.photo` reads and `state.photo = …` writes. Keys of widgets stand here as far as our code reads or sets them; a
value that address and session share, and what a component sends, have their keys in abn.ui.url and abn.ui.components.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

import streamlit as st

from abn.ui.controls.session_pictures import Uploads
from abn.ui.runtime.cache import SESSION_BYTES, BoundedCache

if TYPE_CHECKING:  # panels and tensors, which this module must not import
    import numpy as np
    from PIL import Image
    from streamlit.delta_generator import DeltaGenerator

    from abn.engine.runner import Runner
    from abn.errors import ABNError
    from abn.study.findings.network_costs import Cost
    from abn.teaching.exercises import Attempt
    from abn.teaching.progress import KeptProgress, KeptSet
    from abn.ui.ablation.batch import Batch
    from abn.ui.intervene.edit_history import History
    from abn.ui.present.deck import View
    from abn.ui.runtime.jobs import RunningJob
    from abn.ui.teach_map.session_examples import KeptExample
    from abn.ui.teach_map.teaching import RunningTeaching, TaughtResult
    from abn.variants.checkpoint import Checkpoint
    from abn.variants.own import OwnVariant, Sketch

T = TypeVar("T")


class Key(Generic[T]):
    """A key of the session's state, named as the attribute. `make` gives a default that is kept once it was read."""

    def __init__(self, default: T | None = None, *, make: Callable[[], T] | None = None) -> None:
        self.default, self.make = default, make

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, state: None, owner: type) -> Key[T]: ...
    @overload
    def __get__(self, state: object, owner: type) -> T: ...
    def __get__(self, state: object, owner: type) -> Any:
        if state is None:
            return self
        value = st.session_state.get(self.name, self.default)
        return st.session_state.setdefault(self.name, self.make()) if value is None and self.make else value

    def __set__(self, state: object, value: T) -> None:
        st.session_state[self.name] = value


class SessionState:
    """The keys, room by room."""

    # the frame
    page = Key("")  # title of the page that was drawn last
    visit = Key(0)  # counts the visits to pages: each begins with fresh widgets
    bar: Key[DeltaGenerator | None] = Key()  # where the page draws the choices that stay in sight
    title_row: Key[DeltaGenerator | None] = Key()
    queue_place: Key[DeltaGenerator | None] = Key()  # where the page says how many computations are before its own
    media_addresses: Key[dict[int, tuple[Any, str]]] = Key(make=dict)  # of the images handed to the server in this run
    hint_map: Key[str] = Key("")  # key of the page's map, or "page", that tells how a cell is read
    presenting: Key[bool | None] = Key()  # on a projector; None until the address was read
    heading: Key[DeltaGenerator | None] = Key()  # the projector's line: what the page and its image are called
    deck: Key[list[View]] = Key(make=list)  # the views that are presented
    deck_text: Key[str] = Key("")  # widget: links, one per line
    added_views: Key[list[str]] = Key([])  # links that other pages have added since it was drawn
    view_to_open: Key[int | None] = Key()  # by way of another page
    view_opened: Key[bool] = Key(False)  # a view of the deck was opened, and no run has shown it yet
    controls_hidden: Key[bool | None] = Key()  # by a teacher's link; None until the address was read
    restored: Key[set[str]] = Key(make=set)  # keys of all that the address may give
    widget_numbers: Key[dict[str, int]] = Key(make=dict)  # key → how often the app, and no person, has set its widget
    last_values: Key[dict[str, tuple[int, Any]]] = Key(make=dict)  # of widgets on all pages: the visit and the value

    # results and jobs
    cache: Key[BoundedCache] = Key(make=lambda: BoundedCache(SESSION_BYTES))
    running_jobs: Key[dict[str, RunningJob]] = Key(make=dict)  # by name
    failed_jobs: Key[dict[str, tuple[tuple, str]]] = Key(make=dict)  # name → keys of its pieces, and one sentence
    stopped_jobs: Key[dict[str, tuple]] = Key(make=dict)  # name → keys of its pieces, as a person stopped it
    shown: Key[tuple | None] = Key()  # what the page's results belong to

    # the image
    photo: Key[str | None] = Key()  # id of the chosen photograph, or key of an upload
    photo_missing: Key[bool] = Key(False)  # the address named an image that is not here
    uploads: Key[Uploads] = Key(make=Uploads)
    display: Key[tuple[str, Image.Image] | None] = Key()  # sha256 of the latest upload shown, and what is shown of it
    encoded: Key[list[tuple[Image.Image, Any]]] = Key(make=list)  # the latest images, and for the browser
    uploads_visit: Key[int | None] = Key()  # the visit that the uploader belongs to
    received: Key[set[str]] = Key(make=set)  # ids of files that the uploader and the camera held before
    refused: Key[list[tuple[str, str]]] = Key(make=list)  # names of files that are no images, and why
    files: Key[Any] = Key()  # widget
    camera: Key[Any] = Key()  # widget
    camera_on: Key[bool] = Key(False)  # widget

    # the variants
    variant_ids: Key[list[str] | None] = Key()  # widget
    one_variant: Key[str | None] = Key()  # widget
    own_variants: Key[dict[str, OwnVariant]] = Key(make=dict)  # this session's own, by id
    own_runners: Key[dict[str, Runner]] = Key(make=dict)  # of these, once they were run, by id
    own_listed: Key[list[str]] = Key(make=list)  # ids of those that were added to Compare
    own_outcomes: Key[dict[str, Checkpoint | ABNError | str | None]] = Key(
        make=dict
    )  # by a file's id: a checkpoint, a variant's id or an error
    own_given: Key[list[str] | None] = Key()  # ids of the files that were read
    own_sketch: Key[dict[str, Sketch | ABNError]] = Key(make=dict)  # the shapes of the network that is chosen

    # Inside
    stage: Key[str | None] = Key()
    applied: Key[tuple[str, str] | None] = Key()  # id of a variant, and the mechanism applied to it
    moment: Key[int | None] = Key()  # step of the training
    cell: Key[tuple[tuple, tuple[int, int]] | None] = Key()  # what it belongs to; row and column
    channels_shown: Key[tuple[str, int] | None] = Key()  # the stage, and how many of its channels
    recorded: Key[str | None] = Key()  # widget

    # Camera
    live_result: Key[dict[str, Any] | None] = Key()  # the map and the predictions of the latest frame
    live_frozen: Key[str | None] = Key()  # key of the frame that was kept last

    # Ablation
    alpha: Key[float] = Key(1.0)  # widget
    gamma: Key[float] = Key(1.0)  # widget
    batch: Key[Batch | None] = Key()  # of a person's own images
    batch_shown: Key[int] = Key(12)  # images of the batch's results

    # Intervene
    edits: Key[dict[str, History]] = Key(make=dict)  # by a hash of image, variant and fit
    not_borrowed: Key[str] = Key("")  # why another image's map could not be put in place
    covered: Key[tuple[str, np.ndarray | None, int]] = Key(("", None, 0))  # what it belongs to, cells, count of resets

    # Teach the map
    taught_examples: Key[list[KeptExample]] = Key(make=list)
    example_refused: Key[str] = Key("")  # why the map was not added, until it is shown
    mask_refused: Key[str] = Key("")
    teaching: Key[RunningTeaching | None] = Key()  # the fine-tuning that runs
    taught: Key[dict[str, TaughtResult]] = Key(make=dict)  # by what it was made of, the latest last

    # Measure, Study
    scene: Key[str | None] = Key()
    study_open: Key[frozenset[str]] = Key(frozenset())  # questions whose figures are shown
    cost_here: Key[tuple[tuple, Cost] | None] = Key()  # what was measured, and the outcome

    # Learn, Exercises, Teach
    progress_ask: Key[str] = Key("")  # another in each session: the browser reports its progress once to each
    progress_read: Key[bool] = Key(False)  # the browser has reported what it keeps
    progress_offered: Key[KeptProgress | None] = Key()  # of an earlier visit, until a person continues or starts over
    kept_sets: Key[dict[int, KeptSet]] = Key(make=dict)  # sets that the browser kept and nobody has opened since
    lesson_step: Key[int | None] = Key()
    lessons_done: Key[set[str]] = Key(make=set)  # steps whose task is done
    lesson_stage: Key[str] = Key("x")
    lesson_stages_seen: Key[set[str]] = Key(make=set)
    lesson_cell: Key[tuple[int, int]] = Key((0, 0))
    lesson_photo: Key[str | None] = Key()
    lesson_agreements_seen: Key[set[bool]] = Key(make=set)  # whether the heads agreed on an image
    lesson_mechanisms_tried: Key[set[str]] = Key(make=set)
    lesson_covers_tried: Key[set[str]] = Key(make=set)
    lesson_controls_tried: Key[set[str]] = Key(make=set)
    lesson_history: Key[tuple[str, History] | None] = Key()  # what it belongs to, and the edits of its map
    exercise_set: Key[int | None] = Key()
    set_key: Key[str] = Key("")  # of a teacher's set of exercises: it opens the answers, and enters no address
    link_shown: Key[str] = Key("")  # the address whose QR code is to be shown large in this run
    attempts: Key[dict[int, Attempt]] = Key(make=dict)  # by the number of the set

    # Live class
    room_code: Key[str] = Key("")  # of the live class that this session is in
    room_key: Key[str] = Key("")  # of its teacher
    room_student: Key[str] = Key("")  # secret of a student who has joined
    room_ask: Key[str] = Key("")  # another for each room: the browser reports once who the student is
    room_notice: Key[str] = Key("")  # why the last press changed nothing, until it is shown


state = SessionState()
