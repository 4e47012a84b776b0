"""The whole journey in a real browser: upload, toggle, and read what changed; by keyboard, narrow, light and dark."""

import pickle
import re
from dataclasses import replace
from pathlib import Path

import pytest
from browsing import LOADED, SETTLED, open_page

from abn.images import samples
from abn.images.decode import open_picture
from abn.plots import numbers
from abn.variants.store import list_variants

pytestmark = pytest.mark.slow

IDS = [f"imagenet-lite0-{name}" for name in ("additive", "multiplicative", "none")]


def answers(page) -> list[tuple[str, str]]:
    """Of each column the label of the auxiliary and of the perception head."""
    rows = page.eval_on_selector_all(
        ".abn-answer", "lists => lists.map(l => [...l.querySelectorAll('dd[title]')].map(d => d.textContent))"
    )
    return [tuple(row) for row in rows]


def percentages(page) -> list[list[float]]:
    rows = page.eval_on_selector_all(
        ".abn-answer", "lists => lists.map(l => [...l.querySelectorAll('dd:not([title])')].map(d => d.textContent))"
    )
    return [[float(text.strip("< %")) for text in row] for row in rows]


def expected(path: Path, ids: list[str], network, **options) -> tuple[list[tuple[str, str]], list[list[float]]]:
    from abn.explanations.explainer import explain

    found = explain(open_picture(path.read_bytes()), ids, load=network, **options)
    tops = [[one.top(head, 1)[0] for head in ("auxiliary", "perception")] for one in found]
    return (
        [tuple(numbers.short_label(p.label) for p in top) for top in tops],
        [[100 * p.probability for p in top] for top in tops],
    )


def expected_of(built) -> tuple[str, ...]:
    """What a tiny network says of the first photograph."""
    from abn.explanations.explainer import explain
    from abn.network.architectures import registry
    from abn.variants.authors_names import CIFAR10

    photo = next(iter(samples.gallery().values()))
    card = replace(
        list_variants()[0], input=registry.INPUTS[registry.CIFAR], classes=CIFAR10, mechanism=built.mechanism
    )
    found = explain(open_picture(photo.path.read_bytes()), [card], load=lambda card: built)[0]
    return tuple(found.top(head, 1)[0].label for head in ("auxiliary", "perception"))


def wait_for_columns(page, count: int) -> None:
    page.wait_for_function("n => document.querySelectorAll('.abn-answer').length === n", arg=count, timeout=LOADED)
    page.wait_for_selector(SETTLED, timeout=LOADED)


def check(page, wanted: tuple) -> None:
    assert answers(page) == wanted[0]
    for shown, right in zip(percentages(page), wanted[1], strict=True):
        assert shown == pytest.approx(right, abs=0.2)


def test_upload_toggle_and_read_the_changed_prediction(page, server, network):
    open_page(page, f"{server}?photo=meerkats")
    file = samples.SAMPLES / "drink-on-beach.jpg"
    page.get_by_role("button", name="Your pictures").click()
    page.locator("input[type=file]").set_input_files([file])
    page.locator("img[alt^='What the model saw of: Your picture']").wait_for(timeout=LOADED)
    wait_for_columns(page, 3)
    page.keyboard.press("Escape")
    check(page, expected(file, IDS, network))
    assert "photo" not in page.url and "drink" not in page.url

    page.get_by_role("radio", name="multiplicative").click()
    wait_for_columns(page, 1)
    check(page, expected(file, IDS[1:2], network))
    assert page.get_by_text("applied multiplicative").count() == 1

    page.get_by_text("Same weights", exact=True).click()
    wait_for_columns(page, 3)
    check(page, expected(file, IDS, network, mechanism="multiplicative"))
    assert page.get_by_text("swapped").count() == 2
    assert "mechanism=multiplicative" in page.url and "same_weights=true" in page.url

    page.get_by_role("radio", name="as trained").click()
    page.get_by_text("swapped").first.wait_for(state="detached", timeout=LOADED)
    page.wait_for_selector(SETTLED, timeout=LOADED)
    check(page, expected(file, IDS, network))


def test_a_photograph_is_picked_by_keyboard_and_held_in_the_address(page, server, network):
    open_page(page, server)
    photo = samples.gallery()["toucan"]
    thumbnail = page.get_by_role("button", name=photo.title)
    thumbnail.focus()
    page.keyboard.press("Enter")
    page.get_by_text(photo.title, exact=False).first.wait_for(timeout=LOADED)
    page.wait_for_url(re.compile("photo=toucan"))
    page.wait_for_selector(SETTLED, timeout=LOADED)
    assert thumbnail.get_attribute("aria-pressed") == "true"
    shown = answers(page)
    assert shown == expected(photo.path, IDS, network)[0]
    open_page(page, page.url)
    assert answers(page) == shown


def test_a_variant_of_ones_own_joins_compare_and_no_other_session(page, server, tmp_path):
    import tiny

    built = tiny.network("multiplicative", seed=8)
    file = tiny.variant(tmp_path, "mine", built).weights
    (tmp_path / "theirs.pth.tar").write_bytes(pickle.dumps({"state_dict": {}}))
    page.goto(f"{server}Bring_your_own")
    page.locator("input[type=file]").set_input_files([file, tmp_path / "theirs.pth.tar"])
    page.get_by_text("python -m abn convert theirs.pth.tar").wait_for(timeout=LOADED)
    add = page.get_by_role("button", name="Add to Compare")
    add.wait_for(timeout=LOADED)
    page.get_by_text("Card of resnet20, converted (yours)").click()
    page.get_by_role("cell", name="206,676").wait_for(timeout=LOADED)
    add.focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="See it in Compare").click()
    wait_for_columns(page, 4)
    titles = page.get_by_role("heading", level=5).all_inner_texts()
    assert titles[4].strip() == "resnet20, converted (yours)" and "own" not in page.url and "mine" not in page.url
    assert answers(page)[3] == expected_of(built)

    other = page.context.browser.new_context().new_page()
    open_page(other, server)
    other.get_by_role("button", name="Variants").click()
    other.get_by_role("combobox").click()
    other.get_by_role("option").first.wait_for(timeout=LOADED)
    offered = other.get_by_role("option").all_inner_texts()
    assert offered and not any("yours" in option for option in offered)
    other.context.close()


NARROW = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}
WIDE = {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"}

CONTRASTS = """() => {
  const parse = text => text.match(/[\\d.]+/g).map(Number)
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0)
  const ground = light(parse(getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor))
  return [...document.querySelectorAll('.abn-answer dt, .abn-answer dd, .abn-ticks span, ' +
      '[data-testid=stCaptionContainer] p, .abn-bars b, .abn-bars i')].map(element => {
    const style = getComputedStyle(element)
    const ink = light(parse(style.color))
    return (Math.max(ink, ground) + .05) / (Math.min(ink, ground) + .05)
  })
}"""


@pytest.mark.parametrize("page", [WIDE, NARROW], indirect=True, ids=["wide-light", "narrow-dark"])
def test_it_fits_it_reads_and_every_picture_has_words(page, server):
    open_page(page, server)
    page.locator(".frame img").nth(6).wait_for(timeout=LOADED)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    images = "[data-testid=stImage] img, .frame img"
    page.wait_for_function(f"[...document.querySelectorAll('{images}')].every(image => image.complete)", timeout=LOADED)
    pictures = page.eval_on_selector_all(images, "all => all.map(i => [i.alt, i.naturalWidth])")
    assert len(pictures) == 9 and all(len(alt) > 20 and width > 0 for alt, width in pictures)
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) > 30 and min(contrasts) >= 4.5
    if page.viewport_size["width"] == 1440:  # the first screen: photograph, three maps, the heads' answers
        bottoms = page.eval_on_selector_all(".abn-answer", "all => all.map(e => e.getBoundingClientRect().bottom)")
        assert max(bottoms) < 900
