"""Deletion and insertion of one picture: against a network solved by hand, against curves walked one picture at a time,
and what the controls say."""

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch

from abn.engine.loading import load_runner
from abn.engine.runner import perceive, softmax
from abn.errors import ABNError
from abn.evaluation.deletion_insertion import (
    BASELINES,
    BRIGHT,
    DARK,
    DELETION,
    INSERTION,
    RANDOM,
    CurveImages,
    CurveResult,
    CurveSpec,
    baseline,
    compare_curves,
    compute_curve,
    curve_images,
    curve_specs,
    delete_cells,
    predict,
    score_curves,
)
from abn.evaluation.metrics import cell_order
from abn.explanations.interventions import AttendedImage, attend_image
from abn.images.fit import fit_picture
from abn.variants.store import load_variant
from abn.vocabulary import InputSpec

SPEC = InputSpec(8, 1.0, "bilinear", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
MAP = np.array([[0.9, 0.2], [0.4, 0.6]], np.float32)  # brightest first: 0, 3, 2, 1


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    return tiny.variant(tmp_path_factory.mktemp("variants"), "tiny", tiny.network(seed=5))


@pytest.fixture(scope="module")
def asked(card):
    return attend_image(tiny.picture(), card)


class UpperLeft:
    """A "variant" that answers class 0 by how bright the upper left quarter of a picture is, and sees nothing else."""

    mechanism = "none"

    def extract(self, images: np.ndarray) -> np.ndarray:
        return images

    def attend(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return features, features[:, :1]

    def classify(self, features: np.ndarray) -> np.ndarray:
        first = features[:, :, :4, :4].mean((1, 2, 3))
        return np.log(np.clip(np.stack([first, 1 - first], 1), 1e-9, None))


def by_hand(named: int = 0) -> AttendedImage:
    """A white picture in that network, whose map has its brightest cell where the network looks."""
    white = fit_picture(tiny.picture(8, 8), SPEC, "squash")
    white.image.paste("white", (0, 0, 8, 8))
    result = AttendedImage(UpperLeft(), white, np.zeros(1), MAP)
    object.__setattr__(result, "predict", lambda attention: np.eye(2)[named])
    return result


def test_curves_solved_by_hand():
    """The only cell that counts goes first, or last; insertion begins with a blurred white picture, which is white."""
    deleted = [
        compute_curve(by_hand(), SPEC, CurveSpec(DELETION, order, baseline="black", steps=4))
        for order in (BRIGHT, DARK)
    ]
    assert deleted[0].scores == pytest.approx([1, 0, 0, 0, 0], abs=1e-6)
    assert deleted[1].scores == pytest.approx([1, 1, 1, 1, 0], abs=1e-6)
    assert [item.area for item in deleted] == pytest.approx([1 / 8, 7 / 8], abs=1e-6)
    inserted = compute_curve(by_hand(), SPEC, CurveSpec(INSERTION, baseline="blurred", steps=4))
    assert inserted.scores == pytest.approx([1, 1, 1, 1, 1], abs=1e-6)
    other = compute_curve(by_hand(1), SPEC, CurveSpec(DELETION, baseline="black", steps=4))
    assert other.predicted_class == 1 and other.scores == pytest.approx([0, 1, 1, 1, 1], abs=1e-6)


def test_a_random_order_of_the_only_cell_that_counts():
    """Where it comes at place i of four, the area is (i + 1/2) / 4; over all seeds the mean is one half."""
    areas = []
    for seed in range(40):
        request = CurveSpec(DELETION, RANDOM, seed, "black", 4)
        place = np.random.default_rng(seed).permutation(4).tolist().index(0)
        areas.append(compute_curve(by_hand(), SPEC, request).area)
        assert areas[-1] == pytest.approx((place + 0.5) / 4, abs=1e-6)
    assert np.mean(areas) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("paint", BASELINES)
def test_a_curve_is_what_one_picture_at_a_time_gives(asked, card, paint):
    network = load_variant(card)
    result = compute_curve(asked, card.input, CurveSpec(DELETION, baseline=paint, steps=6), batch=4)
    whole = asked.fitted.normalized(card.input)
    gone = {
        "mean color": whole.mean((1, 2)),
        "gray": np.zeros(3),
        "black": (0 - np.array(card.input.mean)) / np.array(card.input.std),
    }
    cells, order = np.array(asked.attention.shape), cell_order(asked.attention)
    side = 32 // cells[0]
    answers = []
    for step in range(7):
        picture = whole.copy()
        if paint == "blurred":
            small = whole.reshape(3, 4, 8, 4, 8).mean((2, 4))
            large = torch.nn.functional.interpolate(torch.from_numpy(small)[None], (32, 32), mode="bilinear")[0].numpy()
        for cell in order[: round(step / 6 * len(order))]:
            row, column = divmod(int(cell), int(cells[1]))
            place = slice(row * side, (row + 1) * side), slice(column * side, (column + 1) * side)
            picture[:, *place] = large[:, *place] if paint == "blurred" else gone[paint][:, None, None]
        with torch.inference_mode():
            answers.append(network(torch.from_numpy(picture).float()[None]).logits.softmax(1)[0].numpy())
    named = int(answers[0].argmax())
    assert result.predicted_class == named
    assert result.scores == pytest.approx([answer[named] for answer in answers], abs=1e-5)
    assert result.area == pytest.approx(np.trapezoid([answer[named] for answer in answers], dx=1 / 6), abs=1e-5)


def test_insertion_ends_where_deletion_begins(asked, card):
    deleted, inserted = (
        compute_curve(asked, card.input, item)
        for item in (CurveSpec(DELETION, steps=4), curve_specs(INSERTION, steps=4)[0])
    )
    assert inserted.scores[-1] == pytest.approx(deleted.scores[0], abs=1e-5)
    assert deleted.scores[0] == pytest.approx(asked.predict(asked.attention).max(), abs=1e-5)
    assert inserted.spec.baseline == "blurred" and deleted.seconds > 0


def test_a_map_that_is_not_applied_is_not_computed(card, monkeypatch):
    images = np.random.default_rng(0).normal(size=(2, 3, 32, 32)).astype(np.float32)
    runner = load_runner(replace(card, mechanism="none"))
    features = runner.extract(images)
    expected = softmax(perceive(runner, features, runner.attend(features)[1]))
    monkeypatch.setattr(runner, "attend", lambda _: pytest.fail("computed"))
    assert np.array_equal(predict(runner, images), expected)


def test_what_is_wanted():
    result = curve_specs(INSERTION, baseline="black", steps=7, random_orders=2, darkest=True)
    assert [(item.order, item.seed) for item in result] == [(BRIGHT, 0), (RANDOM, 0), (RANDOM, 1), (DARK, 0)]
    assert {(item.kind, item.baseline, item.steps) for item in result} == {(INSERTION, "blurred", 7)}
    assert curve_specs(INSERTION, baseline="gray") == curve_specs(
        INSERTION
    )  # so that what is known of it is found again
    assert {item.baseline for item in curve_specs(DELETION, baseline="gray")} == {"gray"}


def flat(order: str, level: float, seed: int = 0) -> CurveResult:
    shares = np.linspace(0, 1, 3)
    return CurveResult(CurveSpec(DELETION, order, seed, steps=2), 0, shares, np.full(3, level), 1.0)


def test_beside_its_controls():
    result = compare_curves([flat(BRIGHT, 0.2), flat(RANDOM, 0.5), flat(RANDOM, 0.3, 1), flat(DARK, 0.9)])
    assert (
        result.random_area == pytest.approx(0.4)
        and result.difference == pytest.approx(-0.2)
        and result.outside_random_range
    )
    assert result.random_scores.tolist() == [[0.5] * 3, [0.3] * 3] and result.dark.area == pytest.approx(0.9)
    within = compare_curves([flat(BRIGHT, 0.4), flat(RANDOM, 0.5), flat(RANDOM, 0.3, 1)])
    assert not within.outside_random_range and within.dark is None


def test_every_batch_takes_a_turn_and_progress_is_told_outside_of_it(asked, card):
    held, seen = [], []

    class Turn:
        def __enter__(self):
            held.append(True)

        def __exit__(self, *_):
            held.append(False)

    def progress(share: float) -> None:
        assert held[-1] is False
        seen.append(share)

    compute_curve(asked, card.input, CurveSpec(DELETION, steps=6), batch=3, progress=progress, turn=Turn())
    assert held == [True, False] * 3 and seen == pytest.approx([3 / 7, 6 / 7, 1])


def test_what_progress_raises_ends_it_and_the_turn_is_free(asked, card):
    free = []

    @contextmanager
    def turn():
        try:
            yield
        finally:
            free.append(True)

    def stop(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compute_curve(asked, card.input, CurveSpec(DELETION, steps=6), batch=3, progress=stop, turn=turn())
    assert free == [True]


def test_the_picture_that_the_network_was_shown_and_its_answer(asked, card):
    item = CurveSpec(DELETION, baseline="black", steps=4)
    whole, half, none = (delete_cells(asked, card.input, item, share) for share in (0, 0.5, 1))
    assert np.array_equal(whole.image, asked.fitted.image) and not np.asarray(none.image).any()
    pixels = np.asarray(half.image)
    assert (pixels == 0).all(2).mean() == pytest.approx(0.5, abs=0.01)
    along = curve_images(asked, card.input, item)
    row, column = divmod(int(along.order[0]), along.shape[1])  # the brightest cell is gone
    side = 32 // along.shape[0]
    assert not pixels[row * side : (row + 1) * side, column * side : (column + 1) * side].any()
    scores = compute_curve(asked, card.input, item).scores
    assert [result.probabilities[along.predicted_class] for result in (whole, half, none)] == pytest.approx(
        scores[[0, 2, 4]], abs=1e-5
    )


def test_nonsense_is_one_sentence(asked, card):
    for item in (CurveSpec("removal"), CurveSpec(DELETION, "sideways")):
        with pytest.raises(ABNError, match="A curve is one of deletion, insertion"):
            compute_curve(asked, card.input, item)


# ---- curves of any images ----

SHARES = (0, 0.25, 0.5, 0.75, 1)


def bright(images: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """A "network" whose probability of class k is the mean of channel k."""
    return images.mean((2, 3))[np.arange(len(classes)), classes]


def curve(order: list[int], named: int = 0) -> CurveImages:
    """A picture of 4 × 4 pixels with 2 × 2 cells, of which the first channel's hold 4, 3, 2 and 1."""
    start = np.zeros((3, 4, 4), np.float32)
    start[0] = np.kron([[4.0, 3], [2, 1]], np.ones((2, 2)))
    start[1] = 1
    return CurveImages(start, np.zeros_like(start), np.array(order), (2, 2), named)


def test_a_curve_takes_the_cells_in_their_order():
    scores = score_curves([curve([0, 1, 2, 3]), curve([3, 2, 1, 0]), curve([0, 1, 2, 3], 1)], bright, SHARES, batch=4)
    assert scores.tolist() == [[2.5, 1.5, 0.75, 0.25, 0], [2.5, 2.25, 1.75, 1, 0], [1, 0.75, 0.5, 0.25, 0]]


def test_how_many_are_asked_at_once_changes_nothing_and_progress_counts_them():
    curves, seen, sizes = [curve([0, 1, 2, 3]), curve([3, 2, 1, 0])], [], []

    def counted(images: np.ndarray, classes: np.ndarray) -> np.ndarray:
        sizes.append(len(images))
        return bright(images, classes)

    item = score_curves(curves, counted, SHARES, batch=3, progress=seen.append)
    assert sizes == [3, 3, 3, 1] and seen == pytest.approx([0.3, 0.6, 0.9, 1])
    assert np.array_equal(item, score_curves(curves, bright, SHARES, batch=100))


def test_what_progress_raises_ends_it():
    def stop(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_curves([curve([0, 1, 2, 3])], bright, SHARES, batch=2, progress=stop)


def test_the_baselines():
    image = np.arange(3 * 16 * 20, dtype=np.float32).reshape(3, 16, 20)
    result = {name: baseline(image, name, black=np.array([-1.0, -2, -3])) for name in BASELINES}
    assert all(item.shape == image.shape for item in result.values())
    assert np.array_equal(result["mean color"][:, 0, 0], image.mean((1, 2)))
    assert not result["gray"].any()
    assert result["black"][:, 5, 5].tolist() == [-1, -2, -3]
    small = torch.nn.functional.avg_pool2d(torch.from_numpy(image)[None], 8, ceil_mode=True)
    large = torch.nn.functional.interpolate(small, (16, 20), mode="bilinear")[0].numpy()
    assert result["blurred"] == pytest.approx(large, abs=1e-3)


@pytest.mark.parametrize("name", ["white", "", None, "black"])
def test_an_unknown_baseline_is_one_sentence(name):
    with pytest.raises(ABNError, match="Choose one of: mean color, gray, black, blurred"):
        baseline(np.zeros((3, 8, 8)), name)
