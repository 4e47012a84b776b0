"""What `python -m abn evaluate` counts, for whom, and what it writes."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tiny
import torch
from PIL import Image
from torch import Tensor

from abn.__main__ import main
from abn.explanations.cam import class_map
from abn.images import samples
from abn.images.decode import Picture
from abn.network.backbone import input_spec, load_backbone
from abn.network.model import ABNOutput
from abn.training import evaluate
from abn.training.distillation import held_out_photographs as photographs
from abn.training.distillation.held_out_scenes import HeldOutScenes
from abn.training.measures import MaskedImages
from abn.training.sources import packages
from abn.training.sources.masked_photographs import MaskedPhotograph
from abn.training.sources.packages import LITE0, LITE2
from abn.training.sources.public_images import OWN, Source
from abn.variants.card import Card
from abn.variants.store import find_variant
from abn.vocabulary import InputSpec

SPEC = InputSpec(size=32, crop_pct=1.0, interpolation="bilinear", mean=(0.5,) * 3, std=(0.5,) * 3)


def fake_network(perception: int = 3, auxiliary: int = 4):
    """A network that always gives these answers of ten, with one bright cell of 14 × 14 at (2, 2)."""

    def explain_features(features: Tensor) -> ABNOutput:
        attention = torch.zeros(len(features), 1, 14, 14)
        attention[:, 0, 2, 2] = 1
        heads = torch.eye(10)[[perception] * len(features)], torch.eye(10)[[auxiliary] * len(features)]
        return ABNOutput(*heads, attention, attention, features)

    return SimpleNamespace(extractor=lambda images: images, explain_features=explain_features)


def own_sources(folder: Path, count: int) -> list[Source]:
    """Photographs of one's own, of which some are held out."""
    for i in range(count):
        Image.new("RGB", (40, 36), (i, 0, 0)).save(folder / f"{i}.png")
    return [Source(f"own/{i}.png", folder / f"{i}.png", OWN) for i in range(count)]


def masked_photograph(width: int, height: int, name: str = "x.jpg") -> MaskedPhotograph:
    """Its object is the upper left quarter."""
    mask = np.zeros((height, width), bool)
    mask[: height // 2, : width // 2] = True
    return MaskedPhotograph(name, Picture(Image.new("RGB", (width, height)), name, name), mask)


# ---- what is counted ----


def test_figures_are_shares_of_scenes_and_photographs(tmp_path):
    masks = [np.zeros((224, 224), bool) for _ in range(2)]
    masks[0][:112, :112] = masks[1][:112, :112] = True
    black = [np.zeros((224, 224, 3), np.uint8)] * 2
    own = own_sources(tmp_path, 40)
    held_out = [source for source in own if source.held_out]
    assert 2 <= len(held_out) < 20
    images = evaluate.HeldOutImages(
        labeled=photographs.Labeled(torch.zeros(2, 3, 32, 32), [(3, 9), (5,)]),
        own=own,
        named=torch.tensor([3, 4] + [0] * (len(held_out) - 2)),
        masked=photographs.masked([masked_photograph(50, 30), masked_photograph(20, 40)], SPEC),
        scenes=HeldOutScenes(black, masks, 224, np.array([3, 4]), objects=2, backgrounds=1),
    )
    figures = evaluate.measure(fake_network(), images, SPEC)
    scenes = figures["scenes"]
    assert (scenes["count"], scenes["objects"], scenes["backgrounds"]) == (2, 2, 1)
    assert (scenes["perception_right"], scenes["auxiliary_right"], scenes["pointing"]) == (0.5, 0.5, 1)
    assert scenes["roc_auc"] > 0.5
    labeled = figures["labeled"]
    assert (labeled["count"], labeled["perception_top1"], labeled["auxiliary_top1"]) == (2, 0.5, 0)
    share = round(1 / len(held_out), 4)
    expected = {"count": len(held_out), "perception_agreement": share, "auxiliary_agreement": share}
    assert figures["held out"] == expected
    masked = figures["masked"]
    assert (masked["count"], masked["pointing"], masked["span"]) == (2, 1, 0)  # one cell of 196 is bright
    assert masked["roc_auc"] > 0.5 and masked["energy_over_area"] == pytest.approx(4, abs=0.4)


def test_what_was_not_given_is_not_measured():
    images = evaluate.HeldOutImages(photographs.Labeled(torch.zeros(1, 3, 32, 32), [(3,)]), [], None, None, None)
    assert evaluate.measure(fake_network(), images, SPEC).keys() == {"labeled"}


def test_span_is_that_of_the_middle_ninety_percent_of_the_cells():
    ramp, flat = torch.arange(100).reshape(10, 10) / 100, torch.full((10, 10), 0.5)
    masks = [np.arange(100).reshape(10, 10) >= 50, np.eye(10) > 0]
    figures = photographs.score_maps(torch.stack([ramp, flat]), masks)
    assert figures["span"] == pytest.approx(0.891 / 2, abs=1e-3)  # from 0.0495 to 0.9405, and 0
    assert photographs.score_maps(ramp[None], masks[:1])["roc_auc"] == 1


def test_masked_photographs_are_squashed_with_their_masks():
    masked = photographs.masked([masked_photograph(64, 16), masked_photograph(16, 48)], SPEC)
    assert masked.inputs.shape == (2, 3, 32, 32)
    for mask in masked.masks:
        assert mask.shape == (32, 32) and mask[:16, :16].all() and mask.sum() == 256


def test_labeled_photographs_are_those_that_ship_with_classes():
    labeled = photographs.labeled(SPEC)
    photos = [photo for photo in samples.photographs() if photo.classes]
    assert len(labeled.inputs) == len(photos) and labeled.accepted == [photo.classes for photo in photos]


def test_plain_backbone_agrees_with_itself_alone(tmp_path):
    torch.manual_seed(0)
    backbone = load_backbone("test_efficientnet", num_classes=10).eval()
    spec, own = input_spec(backbone), own_sources(tmp_path, 30)
    outputs = photographs.predict_held_out(evaluate.plain_network(backbone), own, spec)
    named = outputs.logits.argmax(1)
    assert len(named) == sum(source.held_out for source in own)
    assert photographs.measure_agreement(outputs, named) == {"count": len(named), "perception_agreement": 1}
    other = photographs.measure_agreement(outputs, (named + 1) % 10)
    assert other == {"count": len(named), "perception_agreement": 0}


def test_controls_are_cam_grad_cam_and_the_middle_of_the_picture():
    warm = tiny.network("none")
    mask = np.zeros((32, 32), bool)
    mask[10:22, 10:22] = True
    inputs = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    masked = MaskedImages(inputs, [mask, mask])
    figures = evaluate.control_maps(warm, masked)
    assert list(figures) == ["CAM", "Grad-CAM", "center prior"]
    assert figures["center prior"]["pointing"] == 1
    assert figures["center prior"]["roc_auc"] > 0.95
    cams = [class_map(warm, image[None], "CAM", mechanism="none").values for image in inputs]
    assert figures["CAM"] == photographs.score_maps(torch.from_numpy(np.stack(cams)), masked.masks)
    assert figures["CAM"] != figures["Grad-CAM"] and all(values["count"] == 2 for values in figures.values())


# ---- for whom, and what is written ----


@pytest.mark.parametrize(
    "more",
    [
        [],
        ["--photos", "x"],
        ["--masks", "x"],
        ["--photos", "x", "--masks", "y", "--scenes", "0"],
        ["--photos", "x", "--masks", "y", "--variant", "imagenet-lite0-additive"],
        ["--variant", "cluttered-resnet20-additive"],
    ],
)
def test_cards_are_written_only_with_all_figures(capsys, more):
    assert main(["evaluate", "--write", *more]) == 1
    assert capsys.readouterr().err.strip() == evaluate.WHOLE_FAMILIES


@pytest.fixture
def families(monkeypatch) -> dict[str, Card]:
    """Cards "a" of one ImageNet family, "b" and "d" of another one, and "c" of clothing, which are measured by what
    their backbone is called."""
    names = ("imagenet-lite2-additive", "imagenet-lite0-additive", "cluttered-resnet20-none", "imagenet-lite0-none")
    cards = dict(zip("abcd", map(find_variant, names), strict=True))
    by_id = {card.id: card for card in cards.values()}
    monkeypatch.setattr(evaluate, "list_variants", lambda: list(by_id.values()))
    monkeypatch.setattr(evaluate, "find_variant", by_id.__getitem__)
    monkeypatch.setattr(packages, "fetch", lambda *given: None)
    monkeypatch.setattr(evaluate, "pretrained_backbone", lambda which, data: which)
    monkeypatch.setattr(evaluate, "input_spec", lambda backbone: None)
    monkeypatch.setattr(evaluate, "plain_network", lambda backbone: backbone.name)
    monkeypatch.setattr(evaluate, "untrained", lambda backbone: "untrained")
    monkeypatch.setattr(evaluate, "load_variant", lambda card: torch.nn.Identity())
    monkeypatch.setattr(evaluate.held_out_scenes, "compose_scenes", lambda backbone, data, count: backbone)
    monkeypatch.setattr(evaluate.public_images, "own_photographs", lambda place, work: [SimpleNamespace(held_out=True)])
    monkeypatch.setattr(evaluate, "read_masked_photographs", lambda place: [str(place)])
    monkeypatch.setattr(photographs, "labeled", lambda spec: None)
    named = SimpleNamespace(logits=torch.eye(3))
    monkeypatch.setattr(photographs, "predict_held_out", lambda network, own, spec: named)
    monkeypatch.setattr(photographs, "masked", lambda with_masks, spec: with_masks)
    monkeypatch.setattr(evaluate, "control_maps", lambda warm, masked: {"CAM": {"pointing": 0.25}})

    def measure(network, images, spec) -> dict:
        figures = {"labeled": {"perception_top1": 0.5}}
        if images.named is not None:
            figures["held out"] = {"perception_agreement": 0.875}
        if images.masked is not None:
            figures["masked"] = {"pointing": 1, "roc_auc": 1, "span": 0.125}
        return figures | ({"scenes": {"of": images.scenes.name}} if images.scenes else {})

    monkeypatch.setattr(evaluate, "measure", measure)
    figures = {"cluttered": {"accuracy": 0.75}, "controls": {"before training": {"cluttered": {"accuracy": 0.125}}}}
    monkeypatch.setattr(
        evaluate.built_in_data,
        "measure_cards",
        lambda given, data: [(card, figures) for card in given if card is cards["c"]],
    )
    return cards


def printed(capsys) -> dict[str, dict]:
    return {line.pop("variant"): line for line in map(json.loads, capsys.readouterr().out.splitlines())}


def test_each_family_is_measured_with_its_own_backbone(families, capsys):
    assert main(["evaluate", "--json"]) == 0
    lines, ids = printed(capsys), {name: card.id for name, card in families.items()}
    labeled = {"labeled": {"perception_top1": 0.5}}
    assert lines[ids["b"]] == lines[ids["d"]] == {**labeled, "scenes": {"of": LITE0.name}}
    of_lite2 = {**labeled, "scenes": {"of": LITE2.name}}
    assert lines[ids["a"]] == lines["imagenet-lite2: baseline"] == of_lite2
    assert lines[ids["c"]] == {"cluttered": {"accuracy": 0.75}}
    assert lines[f"{ids['c']}, before training"] == {"cluttered": {"accuracy": 0.125}}


def test_cards_hold_all_figures_their_controls_and_what_is_missed(families, monkeypatch, capsys):
    written = {}
    monkeypatch.setattr(evaluate, "write_card", lambda card: written.update({card.id: card.measured}))
    assert main(["evaluate", "--json", "--write", "--photos", "own", "--masks", "masks"]) == 0
    assert written.keys() == {card.id for card in families.values()}
    measured = written[families["b"].id]
    assert list(measured) == ["labeled", "held out", "masked", "scenes", "aims missed", "controls"]
    assert measured["aims missed"] == "perception agreement 0.875 of 0.920; span 0.125 of 0.300"
    assert list(measured["controls"]) == ["baseline", "before training", "CAM"]
    assert measured["controls"]["CAM"] == {"masked": {"pointing": 0.25}}
    assert written[families["d"].id]["aims missed"] == "perception agreement 0.875 of 0.920"  # its map is not applied
    assert list(written[families["c"].id]) == ["cluttered", "controls"]
    lines = printed(capsys)
    assert lines["imagenet-lite0: CAM"] == {"masked": {"pointing": 0.25}}


def test_clothing_alone_is_written_without_photographs(families, monkeypatch, capsys):
    written = {}
    monkeypatch.setattr(evaluate, "write_card", lambda card: written.update({card.id: card.measured}))
    assert main(["evaluate", "--write", "--variant", families["c"].id]) == 0
    assert list(written) == [families["c"].id]
    assert "cluttered: accuracy 0.75" in capsys.readouterr().out


def test_card_lists_the_aims_it_missed():
    card = SimpleNamespace(lesson="", mechanism="additive")
    controls = {"baseline": {"labeled": {"perception_top1": 0.8}}}
    figures = {
        "labeled": {"perception_top1": 0.75},
        "held out": {"perception_agreement": 0.95},
        "masked": {"pointing": 0.7, "roc_auc": 0.9, "span": 0.4},
    }
    missed = "perception top-1 0.750 of 0.780; pointing 0.700 of 0.900; roc auc 0.900 of 0.930"
    assert evaluate.missed_aims(card, figures, controls) == missed
    control = SimpleNamespace(lesson="", mechanism="none")
    assert evaluate.missed_aims(control, figures, controls) == "perception top-1 0.750 of 0.780"
    figures["labeled"]["perception_top1"] = 0.78
    figures["masked"] = {"pointing": 0.9, "roc_auc": 0.93, "span": 0.3}
    assert evaluate.missed_aims(card, figures, controls) == "none"
    assert evaluate.missed_aims(SimpleNamespace(lesson="Its map is inverted."), {}, {}) == "none"
