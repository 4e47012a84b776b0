"""The model card: eight lines for every variant, and details in words, whatever a card holds."""

import dataclasses
import re

import pytest

from abn.ui import model_card
from abn.variants.store import list_variants

CARDS = {card.id: card for card in list_variants()}
LITE0 = CARDS["imagenet-lite0-additive"]


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
def test_every_shipped_card_has_eight_lines_and_details_in_words(card):
    summary, details = model_card.summary(card), model_card.details(card)
    assert len(summary) == 8 and all(summary.values())
    for name, text in {**summary, **details}.items():
        assert not re.search(r"None|\[|\]|[{}]|True|False|\w_branch", f"{name} {text}"), (name, text)
    assert details[model_card.SHA256] == card.sha256


def test_accuracy_names_its_data_its_count_and_its_control():
    figures = {"count": 1234, "perception_top1": 0.75, "auxiliary_top1": 0.5}
    controls = {"baseline": {"labeled": {"perception_top1": 0.25}}, "before training": {"labeled": figures}}
    card = dataclasses.replace(LITE0, measured={"labeled": figures, "controls": controls})
    text = model_card.summary(card)[model_card.ACCURACY]
    for part in ("perception 75.0 %", "auxiliary 50.0 %", "baseline 25.0 %", "labeled", "1,234"):
        assert part in text


def test_the_map_line_is_of_the_first_data_set_that_has_both_metrics():
    measured = {"labeled": {"pointing": 0.5}, "masked": {"count": 7, "pointing": 0.625, "roc_auc": 0.875}}
    text = model_card.summary(dataclasses.replace(LITE0, measured=measured))[model_card.LOCALIZATION]
    for part in ("masked", "0.625", "0.875", "n = 7"):
        assert part in text


def test_a_card_that_holds_nothing_says_so():
    card = dataclasses.replace(LITE0, measured={}, trained={}, license={}, trunk="")
    summary = model_card.summary(card)
    assert summary[model_card.ACCURACY] == summary[model_card.LOCALIZATION] == model_card.UNMEASURED
    assert summary[model_card.DATA] == summary[model_card.LICENSE] == model_card.UNKNOWN
    assert model_card.details(card)[model_card.SHA256] == card.sha256


@pytest.mark.parametrize(
    "value", [None, 1, "text", [], {}, {"count": "many"}, {"perception_top1": None}, {"a": {"b": [None]}}]
)
def test_figures_of_any_kind_are_no_error(value):
    card = dataclasses.replace(LITE0, measured={"labeled": value, "controls": value, "scenes": {"pointing": value}})
    assert model_card.summary(card)[model_card.ACCURACY] == model_card.UNMEASURED
    assert all(model_card.details(card).values())


def test_layers_are_named_from_the_inside_and_file_names_stay():
    card = dataclasses.replace(
        LITE0,
        trained={"fixed": ["attention_branch.map_norm"], "weights": "my.safetensors", "bfloat16": True, "none": []},
    )
    details = model_card.details(card)
    assert details["Training: fixed"] == "map norm of attention branch"
    assert details["Training: weights"] == "my.safetensors" and details["Training: bfloat16"] == "yes"
    assert "Training: none" not in details
