"""A survey says what explanations say, for every mechanism; flips and differences by hand; no bad file ends it."""

import io
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import tiny
import torch
from PIL import Image

from abn.errors import PictureError, VariantError
from abn.explanations.disagreement import (
    ORDERS,
    ImageDisagreement,
    VariantPrediction,
    compare_predictions,
    find_disagreements,
)
from abn.explanations.explainer import explain
from abn.explanations.explanation import Prediction, js_divergence
from abn.images.decode import open_picture
from abn.images.zip_files import Refused
from abn.vocabulary import MECHANISMS


def noise(seed: int) -> bytes:
    stream = io.BytesIO()
    tiny.picture(seed=seed).image.save(stream, "PNG")
    return stream.getvalue()


PICTURES = [(f"{seed}.png", noise(seed)) for seed in range(6)]


@pytest.fixture(scope="module")
def cards(tmp_path_factory):
    """Three variants of which the first two share their extractor."""
    folder = tmp_path_factory.mktemp("variants")
    first, second = tiny.network("additive", seed=1), tiny.network("multiplicative", seed=2)
    second.extractor.load_state_dict(first.extractor.state_dict())
    built = {"first": first, "second": second, "alone": tiny.network("none", seed=3)}
    return [tiny.variant(folder, name, network) for name, network in built.items()]


# ---- as the library explains ----


@pytest.mark.parametrize(
    "fit", ["crop", pytest.param("squash", marks=pytest.mark.slow), pytest.param("pad", marks=pytest.mark.slow)]
)
def test_a_survey_says_what_explanations_say(cards, fit):
    found = list(find_disagreements(PICTURES, cards, fit=fit))
    assert [one.name for one in found] == [name for name, _ in PICTURES]
    for one, (name, data) in zip(found, PICTURES, strict=True):
        picture = open_picture(data, name=name)
        assert one.sha256 == picture.sha256
        by_mechanism = {name: explain(picture, cards, fit=fit, mechanism=name) for name in MECHANISMS}
        trained = explain(picture, cards, fit=fit)
        for k, (answer, whole) in enumerate(zip(one.predictions, trained, strict=True)):
            assert (answer.variant, answer.trained_with) == (whole.variant, whole.trained_with)
            assert answer.auxiliary == whole.top("auxiliary", 1)[0]
            assert answer.perception == whole.top("perception", 1)[0]
            assert (answer.heads_agree, answer.js_divergence) == (whole.heads_agree, whole.js_divergence)
            first = answer.perception.index
            others = {name: rows[k].perception for name, rows in by_mechanism.items()}
            assert answer.mechanisms == {name: rows[k].top("perception", 1)[0] for name, rows in by_mechanism.items()}
            assert answer.changes_prediction == tuple(name for name in MECHANISMS if others[name].argmax() != first)
            moves = [others[name][first] - whole.perception[first] for name in MECHANISMS]
            assert answer.change == pytest.approx(max(moves, key=abs), abs=1e-7)
        pairs = list(combinations([whole.perception for whole in trained], 2))
        assert one.js_divergence == max(js_divergence(p, q) for p, q in pairs)
        assert one.variants_disagree == any(p.argmax() != q.argmax() for p, q in pairs)


def test_the_extractor_runs_once_for_variants_that_share_it_and_the_attention_branch_once_for_each(cards):
    runs: list[str] = []
    list(find_disagreements(PICTURES[:2], cards, load=lambda card: tiny.CountedRunner(card, runs)))
    branches = ["attend", *["classify"] * 3]
    assert runs == ["extract", *branches, *branches, "extract", *branches] * 2


# ---- by hand ----


class FixedRunner:
    """A variant of 2 × 2 cells whose probabilities are those that the test tells; g(x) is 1, so that g′(x) tells the
    mechanism."""

    def __init__(self, mechanism: str, auxiliary: list[float], perception: dict[str, list[float]]):
        self.mechanism, self.auxiliary = mechanism, auxiliary
        self.perception = dict(zip((1.5, 0.5, 1.0), (perception[name] for name in MECHANISMS), strict=True))

    def extract(self, images):
        return np.ones((1, 1, 2, 2), np.float32)

    def attend(self, features):
        return log(self.auxiliary)[None], np.full((1, 1, 2, 2), 0.5, np.float32)

    def classify(self, features):
        return log(self.perception[features.mean().item()])[None]


def log(probabilities: list[float]) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(np.array(probabilities, np.float32))


def compare_fixed(cards, **networks: FixedRunner) -> ImageDisagreement:
    shown = [
        replace(cards[0], id=name, mechanism=network.mechanism, classes=["cat", "dog", "fox"], num_classes=3)
        for name, network in networks.items()
    ]
    return compare_predictions(tiny.picture(), shown, load=lambda card: networks[card.id])


STAYS = {"additive": [0.6, 0.3, 0.1], "multiplicative": [0.5, 0.3, 0.2], "none": [0.6, 0.4, 0.0]}
FLIPS = {"additive": [0.6, 0.3, 0.1], "multiplicative": [0.2, 0.3, 0.5], "none": [0.4, 0.5, 0.1]}


def test_flips_and_changes_by_hand(cards):
    one = compare_fixed(
        cards,
        stays=FixedRunner("additive", [0.6, 0.3, 0.1], STAYS),
        flips=FixedRunner("additive", [0.2, 0.7, 0.1], FLIPS),
    )
    stays, flips = one.predictions
    assert stays.heads_agree and stays.changes_prediction == () and stays.js_divergence == pytest.approx(0, abs=1e-6)
    assert stays.change == pytest.approx(-0.1)  # of "cat", from 0.6 to 0.5
    assert stays.margin == 0
    assert (
        not flips.heads_agree
        and flips.changes_prediction == ("multiplicative", "none")
        and flips.change == pytest.approx(-0.4)
    )
    assert flips.margin == pytest.approx(0.3)  # of "fox" over "cat", with multiplicative
    assert {name: top.label for name, top in flips.mechanisms.items()} == {
        "additive": "cat", "multiplicative": "fox", "none": "dog",
    }  # fmt: skip
    assert flips.auxiliary == Prediction(1, "dog", pytest.approx(0.7))
    assert (
        one.heads_disagree
        and one.changes_prediction
        and not one.variants_disagree
        and one.js_divergence == pytest.approx(0, abs=1e-6)
    )


def test_a_change_is_counted_from_the_mechanism_trained_with(cards):
    one = compare_fixed(cards, swapped=FixedRunner("multiplicative", [0.1, 0.2, 0.7], FLIPS))
    assert one.predictions[0].perception.label == "fox" and one.predictions[0].heads_agree
    assert one.predictions[0].changes_prediction == ("additive", "none") and one.predictions[0].change == pytest.approx(
        -0.4
    )
    assert one.js_divergence is None and not one.variants_disagree and one.changes_prediction and not one.heads_disagree


def test_variants_that_name_other_classes_first_differ(cards):
    """Two distributions that share 0.4 of their mass and nothing else are 0.6 bit apart."""
    p, q = [0.6, 0.4, 0.0], [0.0, 0.4, 0.6]
    networks = {
        name: FixedRunner("additive", [1.0, 0.0, 0.0], dict.fromkeys(MECHANISMS, v)) for name, v in (("p", p), ("q", q))
    }
    one = compare_fixed(cards, **networks)
    assert one.variants_disagree and one.js_divergence == pytest.approx(0.6, abs=1e-6) and not one.changes_prediction


def test_variants_of_other_classes_are_never_compared(cards):
    network = FixedRunner("additive", [1.0, 0.0, 0.0], STAYS)
    other = FixedRunner("additive", [1.0, 0.0, 0.0], {name: values[::-1] for name, values in STAYS.items()})
    networks = {"animals": network, "things": other}
    classes = {"animals": ["cat", "dog", "fox"], "things": ["cup", "pan", "jug"]}
    shown = [replace(cards[0], id=name, classes=names, num_classes=3) for name, names in classes.items()]
    one = compare_predictions(tiny.picture(), shown, load=lambda card: networks[card.id])
    assert one.js_divergence is None and not one.variants_disagree


# ---- orders ----


def surveyed(name: str, *, heads=0.0, agree=True, apart: float | None = 0.0, differ=False, change=0.0, margin=0.0):
    first, second = Prediction(0, "cat", 0.6), Prediction(1, "dog", 0.6)
    mechanisms = {"additive": first, "multiplicative": second if margin else first, "none": first}
    answer = VariantPrediction("v", "additive", first if agree else second, heads, mechanisms, change, margin)
    return ImageDisagreement(name, name, (answer,), apart, differ)


@pytest.mark.parametrize(
    ("order", "given"),
    [
        ("heads disagree", [{"heads": 0.2, "agree": False}, {"heads": 0.1, "agree": False}, {"heads": 0.9}, {}]),
        ("variants disagree", [{"apart": 0.2, "differ": True}, {"apart": 0.9}, {"apart": 0.3}, {"apart": None}]),
        (
            "mechanism changes the prediction",
            [
                {"change": -0.2, "margin": 0.4},
                {"change": -0.5, "margin": 0.1},
                {"change": 0.2, "margin": 0.1},
                {"change": -0.6},
                {"change": 0.3},
            ],
        ),
    ],
)
def test_what_differs_comes_first_and_then_by_how_far(order, given):
    wanted = [surveyed(str(k), **options) for k, options in enumerate(given)]
    for shuffled in (wanted, wanted[::-1], wanted[2:] + wanted[:2]):
        assert sorted(shuffled, key=ORDERS[order]) == wanted


# ---- the work ----


def test_a_bad_picture_is_listed_and_the_others_go_on(cards):
    files = [PICTURES[0], ("in/bad.png", b"no picture"), ("cut.png", PICTURES[1][1][:200]), PICTURES[2]]
    found = list(find_disagreements(files, cards[:1]))
    assert [one.name for one in found] == ["0.png", "bad.png", "cut.png", "2.png"]
    assert [isinstance(one, Refused) for one in found] == [False, True, True, False]
    with pytest.raises(PictureError) as error:
        open_picture(b"no picture")
    assert found[1].reason == str(error.value)


def test_progress_is_told_after_each_and_what_it_raises_leaves_what_was_found(cards):
    told_of = []
    list(find_disagreements(PICTURES[:3], cards[:1], progress=lambda done, of: told_of.append((done, of))))
    assert told_of == [(1, 3), (2, 3), (3, 3)]

    def stop(done: int, of: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    found = []
    with pytest.raises(KeyboardInterrupt):
        for one in find_disagreements(PICTURES, cards[:1], progress=stop):
            found.append(one)
    assert found == list(find_disagreements(PICTURES[:2], cards[:1]))


def test_what_the_caller_keeps_is_kept_and_nothing_large(cards):
    found = list(find_disagreements(PICTURES[:2], cards, keep=lambda image: f"{image.width} × {image.height}"))
    assert [one.thumbnail for one in found] == ["48 × 40"] * 2

    def sizes(value) -> list[int]:
        if isinstance(value, np.ndarray | torch.Tensor | Image.Image):
            return [1]
        held = getattr(value, "__dict__", None) or (value if isinstance(value, dict) else {})
        parts = [*held.values(), *(value if isinstance(value, tuple) else ())]
        return [size for part in parts for size in sizes(part)]

    assert sizes(found[0]) == []


def test_unknown_fits_and_broken_weights_are_one_sentence(cards):
    with pytest.raises(PictureError, match="fitted by"):
        list(find_disagreements(PICTURES[:1], cards, fit="stretch"))
    with pytest.raises(VariantError, match="do not match its card"):
        list(find_disagreements(PICTURES[:1], [replace(cards[0], sha256="0" * 64)]))
    assert list(find_disagreements([], cards)) == []
