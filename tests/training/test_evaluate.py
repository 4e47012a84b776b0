"""What `python -m abn evaluate` counts, for whom, and what it writes."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from abn.__main__ import main
from abn.network.model import ABNOutput
from abn.training import evaluate
from abn.training.sources import packages
from abn.training.sources.packages import LITE0, LITE2


def test_figures_are_shares_of_scenes_and_photographs():
    masks = [np.zeros((224, 224), bool) for _ in range(2)]
    masks[0][:112, :112] = masks[1][:112, :112] = True
    black = [np.zeros((224, 224, 3), np.uint8)] * 2
    held_out = evaluate.HeldOutScenes(black, masks, 224, np.array([3, 4]), objects=2, backgrounds=1)
    photographs = (torch.zeros(2, 3, 224, 224), [(3, 9), (5,)])

    def explain_features(features):
        attention = torch.zeros(len(features), 1, 14, 14)
        attention[:, 0, 2, 2] = 1
        heads = torch.eye(10)[[3] * len(features)], torch.eye(10)[[4] * len(features)]
        return ABNOutput(*heads, attention, attention, features)

    network = SimpleNamespace(extractor=lambda images: images, explain_features=explain_features)
    figures = evaluate.measure(network, held_out, photographs)
    scenes = figures["scenes"]
    assert (scenes["count"], scenes["objects"], scenes["backgrounds"]) == (2, 2, 1)
    assert (scenes["perception_right"], scenes["auxiliary_right"], scenes["pointing"]) == (0.5, 0.5, 1)
    assert scenes["roc_auc"] > 0.5
    assert (figures["photographs"]["perception_top1"], figures["photographs"]["auxiliary_top1"]) == (0.5, 0)


@pytest.mark.parametrize("more", [["--scenes", "0"], ["--variant", "imagenet-lite0-additive"]])
def test_cards_are_written_only_with_all_figures(capsys, more):
    assert main(["evaluate", "--write", *more]) == 1
    assert capsys.readouterr().err.strip() == evaluate.WHOLE_FAMILIES


def test_each_family_is_measured_with_its_own_backbone(monkeypatch, capsys):
    families = {"a": "imagenet-lite2", "b": "imagenet-lite0", "c": "fashion", "d": "imagenet-lite0"}
    cards = {
        name: SimpleNamespace(id=name, family=family, kind="clothing" if family == "fashion" else "photograph", input=0)
        for name, family in families.items()
    }
    monkeypatch.setattr(evaluate, "list_variants", lambda: list(cards.values()))
    monkeypatch.setattr(evaluate, "find_variant", cards.__getitem__)
    monkeypatch.setattr(packages, "fetch", lambda *given: None)
    monkeypatch.setattr(evaluate, "pretrained_backbone", lambda which, data: which)
    monkeypatch.setattr(evaluate, "labeled_photographs", lambda spec: (None, []))
    monkeypatch.setattr(evaluate, "held_out_scenes", lambda backbone, data, count: backbone)
    monkeypatch.setattr(evaluate, "plain_network", lambda backbone: "backbone")
    monkeypatch.setattr(evaluate, "load_variant", lambda card: torch.nn.Identity())
    monkeypatch.setattr(evaluate, "measure", lambda network, held_out, photographs: {"scenes": {"of": held_out.name}})
    monkeypatch.setattr(evaluate, "untrained", lambda backbone, data: None)
    figures = {"fashion": {"accuracy": 0.75}, "controls": {"before training": {"fashion": {"accuracy": 0.125}}}}
    monkeypatch.setattr(
        evaluate.fashion_variants, "measure_cards", lambda cards, data: [(card, figures) for card in cards]
    )
    assert main(["evaluate", "--json"]) == 0
    printed = {line.pop("variant"): line for line in map(json.loads, capsys.readouterr().out.splitlines())}
    assert printed["b"] == printed["d"] == {"scenes": {"of": LITE0.name}}
    assert printed["a"] == printed["imagenet-lite2: plain backbone"] == {"scenes": {"of": LITE2.name}}
    assert printed["c"] == {"fashion": {"accuracy": 0.75}}
    assert printed["c, before training"] == {"fashion": {"accuracy": 0.125}}


def test_card_lists_the_aims_it_missed():
    card = SimpleNamespace(lesson="", mechanism="additive")
    controls = {"plain backbone": {"photographs": {"perception_top1": 0.8}}}
    figures = {
        "scenes": {"perception_right": 0.5, "pointing": 0.7, "roc_auc": 0.9},
        "photographs": {"perception_top1": 0.75},
    }
    missed = "pointing 0.700 of 0.800; perception top1 on photographs 0.750 of 0.800"
    assert evaluate.missed_aims(card, figures, controls) == missed
    figures["scenes"]["pointing"] = figures["photographs"]["perception_top1"] = 0.8
    assert evaluate.missed_aims(card, figures, controls) == "none"
    assert evaluate.missed_aims(SimpleNamespace(lesson="", mechanism="none"), {}, {}) == "none"
