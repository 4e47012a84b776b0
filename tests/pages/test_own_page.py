"""Bring your own, state by state, through AppTest: files of all kinds, random weights, and Compare of one session."""

import dataclasses
import gc
import hashlib
import json
import pickle
import re
import weakref
from functools import partial
from pathlib import Path

import pytest
import safetensors.torch
import streamlit as st
import tiny
from reading import as_shown, components, keys, mentions, model_card, open_cards, open_tab, predictions, texts
from streamlit.testing.v1 import AppTest

from abn.engine.loading import run_network
from abn.engine.torch_runner import TorchRunner
from abn.errors import VariantError
from abn.explanations.explainer import explain
from abn.images import samples
from abn.images.decode import open_picture
from abn.ui.compare.words import CARDS
from abn.ui.controls import words as controls_words
from abn.ui.controls.selection import MAX_VARIANTS
from abn.ui.controls.words import TRAINED_ON
from abn.ui.layout import escape_markdown
from abn.ui.own import session_variants, words
from abn.ui.predictions import describe_mechanisms
from abn.variants import checkpoint, own, store
from abn.variants.card import UNTRAINED_KIND
from abn.variants.store import list_variants
from abn.vocabulary import EQUATIONS

ROOT = Path(__file__).parents[2]
PAGE, COMPARE = "pages/Bring_your_own.py", "app.py"
NETWORK = tiny.network("multiplicative", seed=4)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, bytes]:
    """A tiny variant with its card in its header, the same without, and what is no variant."""
    folder = tmp_path_factory.mktemp("own")
    card = tiny.variant(folder, "mine", NETWORK)
    data, card_data = card.weights.read_bytes(), (folder / "mine.json").read_bytes()
    bare = safetensors.torch.save(safetensors.torch.load(data))
    return {
        "mine.safetensors": data,
        "mine.json": card_data,
        "bare.safetensors": bare,
        "cut.safetensors": data[:-9],
        "*bold* :red[x].pth.tar": pickle.dumps({"state_dict": {}}),
    }


def open_session() -> AppTest:
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).switch_page(PAGE)


@pytest.fixture
def page(ready, monkeypatch) -> AppTest:
    monkeypatch.setattr(session_variants, "networks_in_memory", weakref.WeakSet())
    return ready.switch_page(PAGE)


def give(at: AppTest, files: dict[str, bytes], *names: str) -> AppTest:
    at.file_uploader(key="own_files").set_value([(name, files[name], "") for name in names]).run()
    assert not at.exception
    return at


def titles(at: AppTest) -> list[str]:
    """Of the variants below, as a person reads them."""
    matches = [
        re.match(r"##### (.*\\\((?:yours|random).*?) ?(:\w+-badge.*)?$", element.value) for element in at.markdown
    ]
    return [match[1] for match in matches if match]


def press(at: AppTest, key: str) -> AppTest:
    """Press the first button whose key begins so."""
    next(button for button in at.button if (button.key or "").startswith(key)).click().run()
    assert not at.exception
    return at


def compare(at: AppTest) -> AppTest:
    at.switch_page(COMPARE).run()
    assert not at.exception
    return at


def options(at: AppTest) -> list[str]:
    return at.multiselect(key="variant_ids").options


def columns(at: AppTest) -> list[str]:
    return [element.value.removeprefix("##### ") for element in at.markdown if element.value.startswith("##### ")]


def expected(network, card, mechanism: str = "trained") -> list[tuple[str, str]]:
    photo = next(iter(samples.gallery().values()))
    picture = open_picture(photo.path.read_bytes())
    explanation = explain(picture, [card], mechanism=mechanism, load=partial(run_network, network))[0]
    return as_shown([explanation])[0]


YOURS = escape_markdown("resnet20, converted (yours)")


# ---- files ----


def test_one_file_shows_its_shapes_and_its_card_and_waits_to_be_added(page, files):
    at = give(page.run(), files, "mine.safetensors")
    assert titles(at) == [YOURS] and len(at.success) == 1 and not at.error
    (drawn,) = [data["wide"] for data in components(at, "abn_network_path").values() if "3 × 32 × 32" in data["wide"]]
    for shape in ("32 × 16 × 16", "10 × 16 × 16", "1 × 16 × 16", EQUATIONS["multiplicative"]):
        assert shape in drawn
    assert mentions(at, "66,128") and mentions(at, "0.21 M")
    (made,) = at.session_state["own_variants"]
    shown = model_card(open_cards(at, made))
    assert "206,676" in shown.values() and shown["Backbone"].startswith("cifar-resnet20,")
    assert "multiplicative" in shown["Trained with"]
    assert YOURS not in options(compare(at))


@pytest.mark.slow
def test_the_same_weights_are_loaded_once(page, files, monkeypatch):
    calls = []
    for module, name in ((checkpoint, "read_files"), (own, "load_checkpoint")):
        original = getattr(module, name)
        monkeypatch.setattr(
            module, name, lambda content, original=original, name=name: calls.append(name) or original(content)
        )
    at = give(page.run(), files, "mine.safetensors")
    give(at.run(), files, "mine.safetensors", "cut.safetensors")
    assert calls.count("load_checkpoint") == 1 and titles(at) == [YOURS]


def test_each_bad_file_is_one_sentence_and_the_good_one_is_there(page, files):
    at = give(page.run(), files, "cut.safetensors", "*bold* :red[x].pth.tar", "mine.safetensors")
    assert titles(at) == [YOURS]
    cut, pickled = (error.value for error in at.error)
    assert cut == f"{escape_markdown('cut.safetensors')}: {escape_markdown(checkpoint.NO_SAFETENSORS)}"
    assert pickled.startswith(escape_markdown("*bold* :red[x].pth.tar") + ": ")
    assert at.code[0].value == ("python -m abn convert '*bold* :red[x].pth.tar' --arch ARCH --num-classes K --out NAME")


@pytest.mark.slow
def test_weights_without_a_card_ask_for_it(page, files):
    at = give(page.run(), files, "bare.safetensors")
    assert len(at.info) == 1 and mentions(at, "bare.safetensors: ", ".json")
    fields = json.loads(files["mine.json"]) | {"sha256": hashlib.sha256(files["bare.safetensors"]).hexdigest()}
    more = {**files, "bare.json": json.dumps(fields).encode()}
    at.file_uploader(key="own_files").set_value([(n, more[n], "") for n in ("bare.safetensors", "bare.json")]).run()
    assert titles(at) == [YOURS] and not at.info and not at.error


def test_hostile_texts_of_a_card_stay_text(page, files):
    header = safetensors.torch.load(files["mine.safetensors"])
    fields = json.loads(files["mine.json"]) | {
        "title": "<img src=x> **b** [l](http://x)", "summary": "![i](http://elsewhere/i.png)", "lesson": "<b>:red[x]",
        "id": list_variants()[0].id, "trained": {"<i>": "<script>", "data": "<script>"},
    }  # fmt: skip
    fields = {key: value for key, value in fields.items() if key not in store.HASH_FIELDS}
    hostile = {"h.safetensors": safetensors.torch.save(header, {store.CARD_KEY: json.dumps(fields)})}
    at = give(page.run(), hostile, "h.safetensors")
    at = open_cards(at, *at.session_state["own_variants"])
    assert all(escape_markdown("<script>") in table.value.to_numpy() for table in at.table)  # summary, details
    assert any(escape_markdown("<img src=x> **b** [l](http://x) (yours)") in element.value for element in at.markdown)
    summary = escape_markdown("![i](http://elsewhere/i.png)")
    assert summary in [caption.value for caption in at.caption] and summary in [text.value for text in at.markdown]
    at = compare(press(at, "add-"))
    heading = next(element for element in at.markdown if "img src" in element.value)
    assert heading.proto.help == escape_markdown("![i](http://elsewhere/i.png)")
    assert len(set(options(at))) == len(list_variants()) + 1  # the shipped one of that id is still there


# ---- in Compare ----


def test_an_own_variant_joins_compare_and_predicts_as_its_network_does(page, files):
    at = compare(press(give(page.run(), files, "mine.safetensors"), "add-"))
    assert "resnet20, converted (yours)" in options(at) and columns(at)[4] == YOURS
    variant = next(iter(at.session_state["own_variants"].values()))
    assert predictions(at)[3] == expected(variant.network, variant.card) == expected(NETWORK, variant.card)
    assert describe_mechanisms(variant.card, "multiplicative") in [caption.value for caption in at.caption]
    at = at.switch_page(PAGE).run()
    assert titles(at) == [YOURS] and not [key for key in keys(at) if key.startswith("add-")]


@pytest.mark.slow
def test_it_never_enters_the_address_and_another_session_never_sees_it(page, files):
    at = compare(press(give(page.run(), files, "mine.safetensors"), "add-"))
    key = at.session_state["own_listed"][0]
    at.multiselect(key="variant_ids").set_value([list_variants()[0].id, key]).run()
    assert len(predictions(at)) == 2
    assert at.query_params["variants"] == list_variants()[0].id and "own" not in str(dict(at.query_params))
    at.multiselect(key="variant_ids").set_value([key]).run()
    assert len(predictions(at)) == 1 and "variants" not in at.query_params

    other = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    other.query_params["variants"] = key
    other.run()
    assert not other.exception and len(predictions(other)) == 3
    assert not any("yours" in option for option in options(other))
    assert not any("yours" in column for column in columns(other))


@pytest.mark.slow
def test_the_toggle_finds_no_sibling_and_same_weights_swaps(page, files):
    at = compare(press(give(page.run(), files, "mine.safetensors"), "add-"))
    variant = next(iter(at.session_state["own_variants"].values()))
    at.multiselect(key="variant_ids").set_value([variant.card.id]).run()
    at.button_group(key="mechanism").set_value("additive").run()
    note = controls_words.NO_SIBLING.format(mechanism="additive", titles=f"“{variant.card.title}”")
    assert predictions(at) == [] and texts(at.info)[-1] == note
    at.toggle(key="same_weights").set_value(True).run()
    assert predictions(at) == [expected(NETWORK, variant.card, "additive")]
    assert describe_mechanisms(variant.card, "additive") in [caption.value for caption in at.caption]


@pytest.mark.slow
def test_siblings_are_found_among_ones_own(page, files, tmp_path):
    other = tiny.network("additive", seed=5)
    card = tiny.variant(tmp_path, "other", other)
    card = store.save_variant(other, dataclasses.replace(card, family="mine"), tmp_path, half=False)
    more = {**files, "other.safetensors": card.weights.read_bytes()}
    at = give(page.run(), more, "mine.safetensors", "other.safetensors")
    press(press(at, "add-"), "add-")
    compare(at)
    cards = {variant.card.mechanism: variant.card for variant in at.session_state["own_variants"].values()}
    at.multiselect(key="variant_ids").set_value([cards["multiplicative"].id]).run()
    at.button_group(key="mechanism").set_value("additive").run()
    assert predictions(at) == [expected(other, cards["additive"])]
    assert cards["additive"].title == "resnet20, converted (yours, 2)"


@pytest.mark.slow
def test_removed_is_gone_from_compare_and_from_memory(page, files):
    at = press(give(page.run(), files, "mine.safetensors"), "add-")
    assert len(session_variants.networks_in_memory) == 1 and len(predictions(compare(at))) == 4
    at = press(at.switch_page(PAGE).run(), "remove-")
    assert titles(at) == []
    assert YOURS not in columns(compare(at)) and len(predictions(at)) == 3
    gc.collect()
    assert len(session_variants.networks_in_memory) == 0


@pytest.mark.parametrize("engine", ["ONNX Runtime", "PyTorch"])
def test_what_runs_a_variant_is_kept_and_goes_with_it(monkeypatch, tmp_path, engine):
    monkeypatch.setattr(st, "session_state", {})
    if engine == "PyTorch":
        monkeypatch.setattr(session_variants, "run_network", lambda network, card: TorchRunner(network))
    network = tiny.network()
    card = tiny.variant(tmp_path, "mine", network)
    key = session_variants.keep_variant(own.OwnVariant(card, {}, network))
    made = session_variants.get_runner(key)
    assert made.engine == engine and session_variants.get_runner(key) is made
    session_variants.remove_variant(key)
    held = weakref.ref(network)
    del network, made
    gc.collect()
    assert held() is None


@pytest.mark.slow
def test_removed_can_be_brought_back(page, files):
    at = press(give(page.run(), files, "mine.safetensors"), "remove-")
    assert titles(at) == [] and escape_markdown(words.REMOVED) in at.error[0].value
    assert titles(press(at, "again-")) == [YOURS]


@pytest.mark.slow
def test_a_fifth_in_compare_takes_the_place_of_a_shipped_one(page, files):
    at = give(page.run(), files, "mine.safetensors")
    press(press(press(at, "add-"), "own_make"), "add-")
    chosen = compare(at).session_state["variant_ids"]
    assert len(chosen) == MAX_VARIANTS and [own.is_own(key) for key in chosen] == [False, False, True, True]


# ---- how much ----


@pytest.mark.slow
def test_a_session_holds_only_so_many_and_so_much(page, files, monkeypatch):
    monkeypatch.setattr(session_variants, "MAX_VARIANTS", 1)
    at = give(page.run(), files, "mine.safetensors")
    press(at, "own_make")
    assert texts(at.error) == [words.TOO_MANY.format(count=1)] and titles(at) == [YOURS]
    monkeypatch.setattr(session_variants, "MAX_VARIANTS", 4)
    monkeypatch.setattr(session_variants, "MAX_SESSION_BYTES", 8 * 479_150 + 1)
    press(at, "own_make")
    megabytes = session_variants.MAX_SESSION_BYTES // 10**6
    assert texts(at.error) == [words.TOO_LARGE.format(megabytes=megabytes)]


def test_a_server_holds_only_so_much(page, files, monkeypatch):
    monkeypatch.setattr(session_variants, "MAX_SERVER_BYTES", 8 * 479_150 - 1)
    at = give(page.run(), files, "mine.safetensors")
    assert texts(at.error) == [f"mine.safetensors: {words.SERVER_FULL}"] and titles(at) == []


def test_a_removed_variant_has_no_network():
    with pytest.raises(VariantError):
        session_variants.get_network("own:gone")


# ---- random weights ----


@pytest.mark.slow
def test_random_weights_are_marked_everywhere(page):
    at = page.run()
    at.selectbox(key="own_backbone").set_value("test_resnet")
    at.number_input(key="own_classes").set_value(6)
    at.number_input(key="own_seed").set_value(2).run()
    assert any("6 × 10 × 10" in data["wide"] for data in components(at, "abn_network_path").values())
    at = press(at, "own_make")
    assert titles(at) == [escape_markdown("test_resnet (random)")] and at.button(key="own_make").disabled
    at = compare(press(at, "add-"))
    made = next(iter(at.session_state["own_variants"].values())).card
    assert describe_mechanisms(made, "additive") in [caption.value for caption in at.caption]
    assert mentions(at, TRAINED_ON[UNTRAINED_KIND])
    trained_with = model_card(open_tab(at, CARDS))["Trained with"]
    assert "additive" in trained_with and "random weights" in trained_with
    variant = own.draw_weights(
        own.with_seed(own.sketch_random("test_resnet", num_classes=6), mechanism="additive", seed=2)
    )
    assert predictions(at)[3] == expected(variant.network, variant.card)


def test_too_large_a_network_shows_its_shapes_and_a_sentence(page):
    at = page.run()
    at.selectbox(key="own_backbone").set_value("vgg16").run()
    assert len(at.error) == 1 and "144" in at.error[0].value and at.button(key="own_make").disabled


def test_what_cannot_be_cut_is_a_sentence(page, monkeypatch):
    from abn.network import backbone

    monkeypatch.setattr(backbone, "list_backbones", lambda: ("resnet18", "vit_base_patch16_224"))
    at = page.run()
    at.selectbox(key="own_backbone").set_value("vit_base_patch16_224").run()
    assert len(at.error) == 1 and "resnet" in at.error[0].value and not at.exception


def test_stopped_work_is_an_error_and_can_be_tried_again(page, files):
    at = give(page.run(), files, "mine.safetensors")
    key = next(iter(at.session_state["own_outcomes"]))
    at.session_state["own_outcomes"][key] = session_variants.StoppedError(words.STOPPED)
    at.run()
    assert at.error[0].value == f"{escape_markdown('mine.safetensors')}: {escape_markdown(words.STOPPED)}"
    press(at, "again-")
    assert not at.error and len(at.success) == 1
