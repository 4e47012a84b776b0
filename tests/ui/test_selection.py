"""What the choices come to without Streamlit: mechanism and siblings, kinds of images, sizes to draw at."""

from dataclasses import replace

from PIL import Image

from abn.plots import numbers
from abn.ui.controls import image_picker, selection, words
from abn.ui.controls.selection import default_variants
from abn.ui.layout import escape_markdown
from abn.variants.store import list_variants
from abn.vocabulary import AS_TRAINED

CARDS = {card.id: card for card in list_variants()}
ADDITIVE, MULTIPLICATIVE, NONE = default_variants(list_variants())
INVERTED = "imagenet-lite0-additive-unfolded"


def test_ablate():
    cards = [CARDS[ADDITIVE], CARDS[MULTIPLICATIVE], CARDS[INVERTED]]
    assert selection.apply_mechanism(cards, AS_TRAINED, True) == selection.Selection(tuple(cards), "trained")
    assert selection.apply_mechanism(cards, "none", True) == selection.Selection(tuple(cards), "none")
    switched = selection.apply_mechanism(cards, "additive", False)
    assert [card.id for card in switched.cards] == [ADDITIVE, INVERTED] and switched.applied == "trained"
    lonely = selection.apply_mechanism(cards, "none", False, find=lambda card, mechanism: None)
    assert lonely.cards == ()
    titles = numbers.in_quotes(card.title for card in cards)
    assert lonely.note == words.NO_SIBLING.format(mechanism="none", titles=titles)


def test_networks_trained_on_another_kind_of_images_are_found():
    cards = list_variants()
    knowing = [replace(card, kind="clothing", id=f"c-{card.id}", family="c") for card in cards[:3]]
    assert selection.trained_on_other_kind(cards, "photograph") == [card for card in cards if card.kind != "photograph"]
    assert selection.trained_on_other_kind(knowing, "photograph") == knowing and not selection.trained_on_other_kind(
        knowing, "clothing"
    )
    assert selection.variants_trained_on([*cards[:3], *knowing], "clothing") == [card.id for card in knowing]
    assert selection.variants_trained_on(cards[:3], "nothing of the kind") == []


def test_a_tiny_picture_is_enlarged_to_be_drawn_on_and_a_large_one_shrunk():
    sizes = {(32, 32): (320, 320), (3, 60): (15, 300), (4000, 1000): (640, 160), (640, 480): (640, 480)}
    for size, shown in sizes.items():
        assert image_picker.fit_display(Image.new("RGB", size)).size == shown


def test_plain_text_stays_plain():
    assert escape_markdown("a_b\n*c* $x$ :smile: <b>") == r"a\_b \*c\* \$x\$ \:smile\: \<b\>"
