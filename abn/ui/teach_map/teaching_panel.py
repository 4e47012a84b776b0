"""The choices of the fine-tuning, the button that begins it, and its progress."""

from functools import partial
from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from abn.plots import numbers
from abn.training.map_teaching.examples import resize_target
from abn.training.map_teaching.settings import LEARNS, Settings
from abn.ui.components.media import host
from abn.ui.controls.choice_bar import Choice
from abn.ui.elements import IN_SESSION, choose
from abn.ui.runtime import cached_inference, jobs
from abn.ui.runtime.jobs import Job, Piece
from abn.ui.state import state
from abn.ui.teach_map import result_panel, session_examples, teaching, words
from abn.ui.teach_map.example_panel import draw_maps
from abn.ui.teach_map.teaching import Moment, TeachingPlan
from abn.variants.card import Card

JOB = "teach"
SIDE = 144  # pixels of a map while it learns
MAX_WEIGHT, STEPS = 1000.0, (10, 200)
KEPT_MAPS = (1.0, 0.5, 0.0)
DEFAULTS = Settings()


def is_running() -> bool:
    """Whether this session's fine-tuning runs: then its progress stands first."""
    return JOB in state.running_jobs


def show_teaching(choice: Choice, card: Card) -> Job:
    """The button with its time, or the progress of what runs; below it the choices."""
    if not is_running():
        teaching.stop()  # as the person asked
    control, live = st.container(), st.empty()
    with st.expander(words.SETTINGS, icon=":material/tune:", key="teach-settings"):
        settings = _choose_settings()
    plan = state.teaching.plan if state.teaching else _make_plan(choice, card, settings)
    latest = state.teaching.work.latest if state.teaching else None
    work = partial(_watch, plan, choice, live)
    piece = Piece((plan.digest,), words.TEACHING.format(title=plan.card.title), work, latest.share if latest else 0.0)
    result = teaching.find_result(plan)
    with control:
        if result:
            st.success(result_panel.headline(result, words.DONE), icon=":material/check:")
            return Job(JOB, [], None)
        state.cache.drop(plan.digest)  # as the taught variant was removed
        seconds = teaching.estimate_seconds(card, len(plan.kept), settings)
        label = words.TEACH.format(time=numbers.duration(seconds))
        missing = "" if plan.kept else words.NO_EXAMPLE
        return jobs.control(JOB, [piece], label, icon=":material/model_training:", missing=missing)


def _make_plan(choice: Choice, card: Card, settings: Settings) -> TeachingPlan:
    kept = tuple(session_examples.list_examples())
    shown = (i for i, example in enumerate(kept) if example.sha256 == choice.chosen.picture.sha256)
    return TeachingPlan(card, kept, settings, choice.fit, watched=next(shown, 0))


def _choose_settings() -> Settings:
    """Draw λ, κ, the steps and what learns."""
    left, right = st.columns(2, gap="medium", wrap=False)
    weight = left.number_input(
        words.WEIGHT,
        0.0,
        MAX_WEIGHT,
        DEFAULTS.map_weight,
        10.0,
        format="%g",
        key="teach-weight",
        help=words.WEIGHT_HELP,
        **IN_SESSION,
    )
    steps = right.slider(
        words.STEPS, *STEPS, DEFAULTS.steps, 10, key="teach-steps", help=words.STEPS_HELP, **IN_SESSION
    )
    kept = choose(
        words.KEPT_MAPS,
        KEPT_MAPS,
        "teach-kept",
        default=DEFAULTS.kept_maps,
        format_func="{:g}".format,
        help=words.KEPT_MAPS_HELP,
        **IN_SESSION,
    )
    learns = choose(
        words.LEARNS,
        list(LEARNS),
        "teach-learns",
        default=DEFAULTS.learns,
        format_func=words.LEARNS_LABELS.get,
        help=words.LEARNS_HELP,
        **IN_SESSION,
    )
    return Settings(
        map_weight=DEFAULTS.map_weight if weight is None else weight,
        steps=DEFAULTS.steps if steps is None else steps,
        kept_maps=DEFAULTS.kept_maps if kept is None else kept,
        learns=learns or DEFAULTS.learns,
    )


def _watch(plan: TeachingPlan, choice: Choice, live: DeltaGenerator, progress: jobs.Progress) -> str:
    """Run the plan, or wait for it where it runs, and show the loss and one example's map meanwhile."""
    shown = None
    for moment in teaching.watch(plan):
        progress(moment.share if moment else 0.0)  # each time: here Streamlit ends this run if something is pressed
        if moment is None:
            live.caption(words.WAITING)
        elif moment is not shown:
            _show_live(plan, choice, live, moment)
        shown = moment
    teaching.keep_result()
    live.empty()
    return plan.digest


def _show_live(plan: TeachingPlan, choice: Choice, live: DeltaGenerator, moment: Moment) -> None:
    progress, example = moment.progress, plan.kept[plan.watched]
    picture = session_examples.find_image(example.photo)
    if picture is None:
        return
    image = cached_inference.get_subject(picture, plan.card, plan.fit).fitted.image
    now, losses = progress.attention, progress.losses
    source = draw_maps(image, [resize_target(example.target, plan.card.map_size), now], choice.view, SIDE)
    alt = words.LIVE_ALT.format(title=example.title, low=now.min(), high=now.max())
    step = words.CONTROL_STEP if progress.control else words.STEP
    lines = [step.format(step=progress.step, steps=progress.steps)]
    if losses:
        lines.append(words.LOSSES.format(total=losses.total, map=losses.map))
    if progress.control and progress.step == progress.steps:
        lines = [words.MEASURING]
    heads = "".join(f"<span>{escape(head)}</span>" for head in words.LIVE_HEADER)
    text = "<br>".join(map(escape, lines))
    live.html(
        f'<div class="abn-live"><p>{text}</p><div>{heads}</div><img src="{host(source)}" alt="{escape(alt)}"></div>'
    )
