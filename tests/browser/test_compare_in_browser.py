"""Compare in a real browser: upload, switch the mechanism, read what changed; by keyboard, narrow, light and dark."""

import pickle
import re
from dataclasses import replace
from pathlib import Path

import pytest
import tiny
from browsing import (
    COLUMNS,
    DRAWN,
    LOADED,
    NARROW,
    WIDE,
    button,
    go_to,
    open_context,
    open_loaded,
    open_page,
    option,
    predictions,
    probabilities,
    rerun,
    settle,
    wait_for_columns,
    widget,
)
from playwright.sync_api import expect

from abn.engine.loading import run_network
from abn.explanations.explainer import explain
from abn.images import samples
from abn.images.decode import open_picture
from abn.network.architectures import registry
from abn.plots import numbers
from abn.ui.compare import words
from abn.ui.components import map_view
from abn.ui.controls.selection import default_variants
from abn.ui.layout import PAGES
from abn.variants.authors_names import CIFAR10
from abn.variants.store import list_variants
from abn.vocabulary import AS_TRAINED, HEADS

pytestmark = pytest.mark.slow

IDS = default_variants(list_variants())
SWAPPED = "[data-testid=stCaptionContainer] .stMarkdownBadge"


def expected(path: Path, ids: list[str], runner, **options) -> tuple[list[tuple[str, str]], list[list[float]]]:
    """What the library predicts: the labels of both heads, and their probabilities in percent."""
    explanations = explain(open_picture(path.read_bytes()), ids, load=runner, **options)
    tops = [[explanation.top(head, 1)[0] for head in HEADS] for explanation in explanations]
    return (
        [tuple(numbers.short_label(p.label) for p in top) for top in tops],
        [[100 * p.probability for p in top] for top in tops],
    )


def expected_of(built) -> tuple[str, ...]:
    """The labels that a tiny network predicts for the first photograph."""
    photo = next(iter(samples.gallery().values()))
    card = replace(
        list_variants()[0], input=registry.INPUTS[registry.CIFAR], classes=CIFAR10, mechanism=built.mechanism
    )
    explanation = explain(open_picture(photo.path.read_bytes()), [card], load=lambda card: run_network(built, card))[0]
    return tuple(explanation.top(head, 1)[0].label for head in HEADS)


def check(page, labels: list[tuple[str, str]], percentages: list[list[float]]) -> None:
    """That the page shows these labels and, within rounding, these percentages."""
    assert predictions(page) == labels
    for shown, right in zip(probabilities(page), percentages, strict=True):
        assert [float(text.strip("< %")) for text in shown] == pytest.approx(right, abs=0.2)


def check_thumbnails(page, count: int) -> None:
    """That so many are shown, and that the server still has each of them."""
    images = page.locator(".strip img")
    expect(images).to_have_count(count, timeout=LOADED)
    loaded = images.evaluate_all(
        "images => Promise.all(images.map(async image => (await image.decode(), (await fetch(image.src)).ok)))"
    )
    assert loaded == [True] * count


def test_upload_toggle_and_read_the_changed_prediction(page, server, runner):
    open_page(page, f"{server}?photo=meerkats")
    file = samples.SAMPLES / "drink-on-beach.jpg"
    button(page, "uploads-popover").click()
    rerun(page, lambda: page.locator("input[type=file]").set_input_files([file]))
    as_trained = expected(file, IDS, runner)
    page.locator(f"{COLUMNS} dd[title^='{as_trained[0][0][0]}']").first.wait_for(timeout=LOADED)
    wait_for_columns(page, 3)
    page.keyboard.press("Escape")
    check(page, *as_trained)
    assert "photo=own-1" in page.url and "drink" not in page.url

    option(page, "mechanism", "multiplicative").click()
    wait_for_columns(page, 1)
    check(page, *expected(file, IDS[1:2], runner))
    assert page.locator(SWAPPED).count() == 0

    widget(page, "same_weights").locator("label").click()
    wait_for_columns(page, 3)
    check(page, *expected(file, IDS, runner, mechanism="multiplicative"))
    assert page.locator(SWAPPED).count() == 2
    assert "mechanism=multiplicative" in page.url and "same_weights=true" in page.url

    rerun(page, option(page, "mechanism", AS_TRAINED).click)
    page.locator(SWAPPED).first.wait_for(state="detached", timeout=LOADED)
    check(page, *as_trained)
    check_thumbnails(page, len(samples.gallery()) + 1)
    go_to(page, "pages/Inside.py")
    page.get_by_role("heading", level=1, name=PAGES["pages/Inside.py"][0]).wait_for(timeout=LOADED)
    settle(page)
    check_thumbnails(page, len(samples.gallery()) + 1)


def test_a_photograph_is_picked_by_keyboard_and_held_in_the_address(page, server, runner):
    open_page(page, server)
    photo = samples.gallery()["toucan"]
    thumbnail = page.get_by_role("button", name=photo.title)
    thumbnail.focus()
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    rerun(page, lambda: page.keyboard.press("Enter"))
    page.wait_for_url(re.compile("photo=toucan"), timeout=LOADED)
    wait_for_columns(page, 3)
    assert thumbnail.get_attribute("aria-pressed") == "true"
    assert not {*page.locator(".strip img").evaluate_all("images => images.map(image => image.src)")} & {*requested}
    shown = predictions(page)
    assert shown == expected(photo.path, IDS, runner)[0]
    open_page(page, page.url)
    assert predictions(page) == shown


def test_a_variant_of_ones_own_joins_compare_and_no_other_session(page, server, tmp_path):
    built = tiny.network("multiplicative", seed=8)
    card = tiny.variant(tmp_path, "mine", built)
    (tmp_path / "theirs.pth.tar").write_bytes(pickle.dumps({"state_dict": {}}))
    open_loaded(page, f"{server}Bring_your_own")
    page.get_by_role("tab").last.click()  # of checkpoints
    page.locator("input[type=file]").set_input_files([card.weights, tmp_path / "theirs.pth.tar"])
    page.get_by_text("python -m abn convert theirs.pth.tar").wait_for(timeout=LOADED)
    add = page.locator("[class*=st-key-add-]").get_by_role("button")
    add.wait_for(timeout=LOADED)
    summaries = page.locator("[class*=st-key-card-]").get_by_test_id("stExpander").locator("summary")
    for count in (2, 3):  # its diagram and its card; then the details within the card
        expect(summaries).to_have_count(count, timeout=LOADED)
        summaries.last.click()
    page.get_by_role("cell", name="206,676").wait_for(timeout=LOADED)  # parameters, in its card
    add.focus()
    rerun(page, lambda: page.keyboard.press("Enter"))
    go_to(page, "app.py")
    wait_for_columns(page, 4)
    assert "own" not in page.url and "mine" not in page.url
    assert predictions(page)[3] == expected_of(built)

    context = open_context(page.context.browser)
    other = context.new_page()
    open_page(other, server)
    button(other, "variants-popover").click()
    other.get_by_test_id("stPopoverBody").get_by_role("combobox").click()
    other.get_by_role("option").first.wait_for(timeout=LOADED)
    shipped = {variant.title for variant in list_variants()} | {variant.id for variant in list_variants()}
    offered = other.get_by_role("option").all_inner_texts()
    assert len(offered) > 1 and set(offered[1:]) <= shipped  # the first is Streamlit's: all of them
    context.close()


TEXTS = (
    ".abn-prediction dt, .abn-prediction dd, .ticks span, [data-testid=stCaptionContainer] p, .abn-bars b, .abn-bars i"
)
CONTRASTS = """texts => {
  const parse = text => text.match(/[\\d.]+/g).map(Number)
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0)
  const ground = light(parse(getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor))
  return texts.map(element => {
    const style = getComputedStyle(element)
    const ink = light(parse(style.color))
    return (Math.max(ink, ground) + .05) / (Math.min(ink, ground) + .05)
  })
}"""


@pytest.mark.parametrize("page", [WIDE, NARROW], indirect=True, ids=["wide-light", "narrow-dark"])
def test_it_fits_it_reads_and_every_picture_has_words(page, server):
    open_page(page, server)
    expect(page.locator(DRAWN)).to_have_count(3, timeout=LOADED)
    contrasts = page.eval_on_selector_all(TEXTS, CONTRASTS)
    assert len(contrasts) > 30 and min(contrasts) >= 4.5
    if page.viewport_size["width"] == WIDE["viewport"]["width"]:  # photograph, maps and predictions without scrolling
        bottoms = page.eval_on_selector_all(COLUMNS, "all => all.map(e => e.getBoundingClientRect().bottom)")
        assert max(bottoms) < WIDE["viewport"]["height"]
    page.get_by_role("tab", name=words.WHOLE).click()
    expect(page.locator(DRAWN)).to_have_count(6, timeout=LOADED)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    images = page.locator("[data-testid=stImage] img, .abn-framed img")
    expect(images).to_have_count(2, timeout=LOADED)
    for image in images.all():
        assert image.evaluate("async image => (await image.decode(), image.naturalWidth > 0)")
        assert len(image.get_attribute("alt")) > 20
    for drawn in page.locator(DRAWN).all():
        assert drawn.get_attribute("role") == "img" and len(drawn.get_attribute("aria-label")) > 20


def test_on_a_phone_all_bars_have_one_scale_and_cells_are_tapped(page, server):
    context = open_context(page.context.browser, **NARROW, is_mobile=True, has_touch=True)
    phone = context.new_page()
    open_page(phone, server)
    widths = phone.locator(".abn-bars:not(.abn-legend)").evaluate_all("all => all.map(bars => bars.clientWidth)")
    assert len(widths) == 3 and max(widths) - min(widths) <= 1
    assert phone.get_by_text(map_view.TAP).is_visible() and not phone.get_by_text(map_view.POINT).is_visible()
    go_to(phone, "pages/Ablation.py")
    expect(phone.get_by_text(map_view.TAP)).to_have_count(1, timeout=LOADED)
    context.close()


def test_the_menu_of_variants_that_is_opened_late_holds_those_shown(page, server):
    open_page(page, server)
    rerun(page, page.locator(".strip button").nth(3).click)
    button(page, "variants-popover").click()
    widget(page, "variant_ids").locator("[data-tag]").nth(2).wait_for(timeout=LOADED)
    assert widget(page, "variant_ids").locator("[data-tag]").count() == 3
