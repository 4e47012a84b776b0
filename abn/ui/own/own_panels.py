"""What a person sees of their own variants: files taken in, any CNN with random weights, and what the session holds."""

import shlex
from collections.abc import Callable
from functools import partial

import streamlit as st

from abn.errors import ABNError, PickleError
from abn.explanations.stages import STAGES
from abn.images.display_name import display_name
from abn.plots import network_diagram
from abn.ui import model_card
from abn.ui.components import network_path
from abn.ui.layout import escape_markdown
from abn.ui.own import session_variants as session
from abn.ui.runtime import jobs, loading
from abn.ui.runtime.engine import get_engine
from abn.ui.state import state
from abn.variants import checkpoint, own
from abn.variants.card import UNTRAINED_KIND, Card
from abn.variants.checkpoint import Checkpoint, NamedFile, PartnerMissing
from abn.variants.own import OwnVariant, Sketch
from abn.vocabulary import ADDITIVE, MECHANISMS

DEFAULT = "resnet18"
SEEDS = 2**31 - 1
STAGE_WORDS = {  # where *Inside* shows a picture
    "x": ("picture",),
    "g": ("features",),
    "A": ("trunk's", "response"),
    "class maps": ("one a class",),
    "auxiliary logits": ("auxiliary", "head"),
    "M": ("attention", "map"),
    "g′": ("what the", "perception", "branch gets"),
    "logits": ("perception", "head"),
}


class Stopped(ABNError):
    """A person has stopped it, or taken it away."""


def upload() -> None:
    """The uploader, and of each file either its variant below or one sentence."""
    st.markdown("##### A checkpoint of yours")
    st.caption(
        "A variant's `.safetensors` file, as `train`, `distil` and `convert` of this app's command line write it. "
        "Older ones need their `.json` card beside them."
    )
    given = st.file_uploader(
        "Choose checkpoints",
        accept_multiple_files=True,
        key="own_files",
        max_upload_size=checkpoint.MAX_BYTES // 10**6,
        help=f"Up to {checkpoint.MAX_BYTES // 10**6} MB and {own.MAX_PARAMETERS // 10**6} million parameters each. The "
        "header is read first, and weights must fit the network exactly. They stay in this session, and are gone when "
        "you close the page.",
    )
    for key, (name, outcome) in _outcomes(given or ()).items():
        if isinstance(outcome, Checkpoint) and outcome.id in session.held():
            outcome = state.own_outcomes[key] = outcome.id
        elif isinstance(outcome, Checkpoint) and get_engine().ready:
            outcome = _settle(key, partial(own.load_checkpoint, outcome), f"Reading {name}")
        _tell(key, name, outcome)


def choose() -> None:
    """Any CNN of timm: its shapes at once, its network on request."""
    st.markdown("##### Any CNN, with random weights")
    if not get_engine().ready:
        loading.show_status()
        return
    from abn.network.backbone import list_backbones

    names = list_backbones()
    backbone = st.selectbox(
        "Backbone",
        names,
        index=names.index(DEFAULT),
        key="own_backbone",
        persist_state="session",
        help="timm's convolutional networks and the paper's small ResNets. Type to search; no weights are fetched.",
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        classes = st.number_input("Classes", 2, 1000, 10, key="own_classes", persist_state="session", width=130)
        seed = st.number_input("Seed", 0, SEEDS, 0, key="own_seed", persist_state="session", width=130)
        mechanism = st.segmented_control(
            "Mechanism",
            MECHANISMS,
            default=ADDITIVE,
            required=True,
            key="own_mechanism",
            persist_state="session",
        )
    question = f"shapes of {backbone} {classes}"
    found = state.own_sketch.get(question)
    if found is None:
        state.own_sketch = {}
        job = partial(own.sketch_random, backbone, num_classes=classes)
        found = _wait(job, f"Looking at {backbone}", state.own_sketch, question)
    if isinstance(found, ABNError):
        _refuse(escape_markdown(str(found)), found, state.own_sketch, question)
        return
    found = own.with_seed(found, mechanism=mechanism, seed=seed)
    _diagram(found, "sketch")
    sentence = own.too_large(found)
    if sentence:
        _refuse(escape_markdown(sentence))
    there = found.card.id in session.held()
    pressed = st.button(
        "Made, see below" if there else "Make it",
        key="own_make",
        icon=":material/casino:",
        disabled=bool(sentence) or there,
        help="Draws the weights, from the seed. Its answers and its map mean nothing until it is trained.",
    )
    if pressed:
        outcome = _settle(found.card.id, partial(own.draw_weights, found), f"Making {backbone}")
        if isinstance(outcome, ABNError):
            _refuse(escape_markdown(str(outcome)))
        else:
            st.rerun()  # for the button, which was drawn before


def show() -> None:
    """The variants that this session holds, each with its shapes, its card and what can be done with it."""
    held, listed = session.held(), [card.id for card in session.cards()]
    st.markdown("##### In this session")
    if not held:
        st.caption(f"Nothing yet. Up to {session.MOST} variants can be here; nobody else sees them.")
        return
    for key, one in reversed(held.items()):
        with st.container(border=True, key=f"card-{key.removeprefix(checkpoint.PREFIX)}"):
            card = one.card
            random = [":orange-badge[:material/casino: random weights]"] if card.kind == UNTRAINED_KIND else []
            in_compare = [":green-badge[:material/check: in Compare]"] if key in listed else []
            st.markdown(" ".join([f"##### {escape_markdown(card.title)}", *random, *in_compare]))
            if card.summary:
                st.caption(escape_markdown(card.summary))
            _diagram(one, key)
            with st.container(horizontal=True, vertical_alignment="center"):
                if key in listed:
                    st.page_link("app.py", label="See it in Compare", icon=":material/compare:")
                else:
                    st.button(
                        "Add to Compare",
                        key=f"add-{key}",
                        type="primary",
                        icon=":material/add:",
                        on_click=session.add,
                        args=(key,),
                    )
                st.button("Remove", key=f"remove-{key}", icon=":material/delete:", on_click=_remove, args=(key,))
            model_card.show_card(card)
            st.caption(_known(card))


def _known(card: Card) -> str:
    if card.kind == UNTRAINED_KIND:
        return "Shapes, parameters and FLOPs were counted here. Nothing was trained, so nothing else can be said."
    return (
        "Backbone, map, parameters, FLOPs and sha256 were counted here. What the card says of training, measures and "
        "license is its author's word."
    )


# ---- files ----


def _outcomes(given) -> dict[str, tuple[str, object]]:
    """Of each file its name, and what it turned out to be; files are read once, until others come beside them."""
    done: dict[str, object] = state.own_outcomes
    present = {file.file_id: file for file in given}
    if state.own_given != list(present):
        names = {key: display_name(file.name, "file") for key, file in present.items()}
        read = checkpoint.read_files({key: NamedFile(names[key], file.getvalue()) for key, file in present.items()})
        settled = {key for key, outcome in done.items() if isinstance(outcome, ABNError | str)}
        waiting = {key for key, outcome in done.items() if isinstance(outcome, PartnerMissing)}
        for key in present.keys() - (settled - waiting):
            done[key] = read[key]
        state.own_given = list(present)
    return {key: (display_name(file.name, "file"), done[key]) for key, file in present.items()}


def _settle(key: str, job: Callable[[], OwnVariant], what: str) -> str | ABNError:
    """Do the job and hold what it makes; the outcome is its id, or an error."""
    done = state.own_outcomes
    made = _wait(job, what, done, key)
    try:
        done[key] = made if isinstance(made, ABNError) else session.keep(made)
    except ABNError as error:
        done[key] = error
    return done[key]


def _wait(work: Callable[[], object], label: str, outcomes: dict[str, object], key: str):
    """What the work makes, or the error that it ends with, also in `outcomes`; it can be stopped."""

    def stop() -> None:
        outcomes[key] = Stopped("Stopped, and nothing was kept.")

    try:
        outcomes[key] = jobs.run_with_stop(work, label, key=key, on_stop=stop)
    except ABNError as error:
        outcomes[key] = error
    return outcomes[key]


def _tell(key: str, name: str, outcome: object) -> None:
    """One sentence where a file is not what it should be, or not yet."""
    if isinstance(outcome, Checkpoint):
        loading.show_status()
    elif isinstance(outcome, PartnerMissing):
        st.info(f"{escape_markdown(name)}: {escape_markdown(str(outcome))}", icon=":material/attach_file:")
    elif isinstance(outcome, ABNError):
        _refuse(f"{escape_markdown(name)}: {escape_markdown(str(outcome))}", outcome, state.own_outcomes, key)
    elif isinstance(outcome, str) and outcome in session.held():
        title = session.held()[outcome].card.title
        st.success(f"{escape_markdown(name)}: read as “{escape_markdown(title)}”, see below.", icon=":material/check:")
    if isinstance(outcome, PickleError):
        st.caption(
            "A checkpoint of the authors' code can be converted on your own computer, where it is opened in a way that "
            "runs nothing; then bring the file that this command writes:"
        )
        st.code(
            f"python -m abn convert {shlex.quote(name)} --arch ARCH --num-classes K --out NAME", "bash", wrap_lines=True
        )


def _refuse(sentence: str, error: ABNError | None = None, outcomes: dict[str, object] | None = None, key="") -> None:
    """One sentence on what can't be had; where a person has stopped it themselves, with a way back."""
    st.error(sentence, icon=":material/block:")
    if isinstance(error, Stopped):

        def again() -> None:
            del outcomes[key]
            state.own_given = None  # files are read anew

        st.button("Try again", key=f"again-{key}", icon=":material/replay:", on_click=again)


def _remove(key: str) -> None:
    session.remove(key)
    done = state.own_outcomes
    for file in [file for file, outcome in done.items() if outcome == key]:
        done[file] = Stopped("Removed from this session.")


# ---- the network's shapes ----


def _diagram(variant: Sketch | OwnVariant, key: str) -> None:
    """The network's diagram with the shapes of this variant, and the parameters of each part."""
    card, shapes = variant.card, variant.shapes
    shapes = shapes | {
        "class maps": (shapes["auxiliary"][0], *shapes["A"][1:]),
        "auxiliary logits": shapes["auxiliary"],
        "g′": shapes["g"],
        "logits": shapes["perception"],
    }
    contents = {
        name: network_diagram.Content(" × ".join(map(str, shapes[name])), words=STAGE_WORDS[name]) for name in STAGES
    }
    wide, narrow = (
        network_diagram.draw(contents, card.mechanism, narrow=narrow, pressable=False) for narrow in (False, True)
    )
    network_path.path(wide, narrow, "", label=f"The network {card.title} with its shapes", key=f"diagram-{key}")
    parts = ", ".join(f"{part.replace('_', ' ')} {_count(number)}" for part, number in card.parameters.items())
    st.caption(
        f"Parameters: {parts}. A map of {card.map_size[0]} × {card.map_size[1]} cells. The attention branch's trunk is "
        f"{escape_markdown(card.trunk)}. {sum(card.flops.values()) / 1e9:.2g} GFLOPs for a picture of "
        f"{card.input.size} × {card.input.size} pixels."
    )


def _count(number: int) -> str:
    return f"{number / 1e6:.2f} M" if number >= 1e5 else f"{number:,}"
