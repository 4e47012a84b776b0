"""“Copy as Python” in the bar: its code, run as it is, prints the numbers that the page shows."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from reading import components, effects, predictions
from streamlit.testing.v1 import AppTest

from abn.explanations import interventions
from abn.explanations.explainer import explain
from abn.explanations.trace import trace_picture
from abn.images import samples
from abn.images.decode import open_picture
from abn.ui.ablation import words as ablation_words
from abn.ui.intervene import words as intervene_words
from abn.ui.measure import deletion_insertion_panel
from abn.ui.python_code import words
from abn.variants import own
from abn.variants.store import find_variant

ROOT = Path(__file__).parents[2]
IDS = [f"cluttered-resnet20-{name}" for name in ("additive", "multiplicative")]  # 32 × 32 pixels: quick
PHOTO = next(photo for photo in samples.gallery().values() if photo.kind == "clothing")
PICTURE = open_picture(PHOTO.path.read_bytes())
PAGES = ("app.py", "pages/Inside.py", "pages/Ablation.py", "pages/Intervene.py", "pages/Measure.py")


@pytest.fixture
def app(ready, monkeypatch) -> AppTest:
    monkeypatch.setattr(deletion_insertion_panel, "MAX_AUTOMATIC", -1)
    monkeypatch.chdir(ROOT)
    ready.session_state["photo"], ready.session_state["variant_ids"] = PHOTO.id, IDS
    return ready


def run_code(at: AppTest, capsys) -> str:
    """What the code that the page offers prints."""
    assert not at.exception
    (code,) = at.code
    exec(compile(code.value, "program", "exec"), {})
    return capsys.readouterr().out


def changes(output: str) -> list[str]:
    """Changes of a probability in points, as a page writes them."""
    found = re.findall(r"change ([+-]\S+) points", output)
    return [text.replace("-", "−") if float(text) else f"±{text[1:]}" for text in found]


def test_compare(app, capsys):
    app.session_state["mechanism"], app.session_state["same_weights"] = "none", True
    output = run_code(app.run(), capsys)
    assert output.count("applied none") == len(IDS)
    for variant in predictions(app):
        for _, probability in variant:
            assert probability.replace(" ", "") in output


def test_inside(app, capsys):
    app.query_params["applied"] = "none"
    output = run_code(app.switch_page("pages/Inside.py").run(), capsys)
    trace = trace_picture(PICTURE, find_variant(IDS[0]), mechanism="none")
    assert f"max {trace.reweighted.max():.3g}" in output and f"{trace.logits.max():.2f}" in output


def test_ablation_with_its_strength(app, capsys):
    app.switch_page("pages/Ablation.py").run()
    app.slider(key="alpha").set_value(2.0)
    at = app.slider(key="gamma").set_value(0.5).run()
    shown = [of_mechanism[0] for of_mechanism in effects(at)]  # none, multiplicative, additive
    assert changes(run_code(at, capsys)) == shown[::-1]


@pytest.mark.parametrize("tab", [ablation_words.CONTROLS, ablation_words.AGREEMENT, ablation_words.BATCH])
def test_each_tab_of_ablation_has_code_of_its_own(app, capsys, tab):
    app.switch_page("pages/Ablation.py").session_state["ablation_tab"] = tab
    at = app.run()
    if tab == ablation_words.BATCH:
        assert not at.exception and not at.code, "its images are a person's own files"
    else:
        assert ("rank correlation" in run_code(at, capsys)) == (tab == ablation_words.AGREEMENT)


def test_intervene_with_a_preset_and_with_a_painted_map(app, capsys, tmp_path, monkeypatch, offered):
    app.switch_page("pages/Intervene.py").run()
    app.session_state["apply"] = "multiplicative"
    at = app.button(key="preset-inverted").click().run()
    assert changes(run_code(at, capsys)) == [effects(at)[0][0]]
    (key,) = at.session_state["edits"]
    painted = np.clip(at.session_state["edits"][key].current.attention + np.eye(16), 0, 1)
    at.session_state["edits"][key] = at.session_state["edits"][key].add("Brush +", painted, painted=True)
    at = at.run()
    file = [name for name in offered if name.endswith(".npy")][-1]
    (tmp_path / file).write_bytes(offered[file]())
    monkeypatch.setattr(np, "load", lambda name, load=np.load: load(tmp_path / name))
    output = run_code(at, capsys)
    subject = interventions.attend_image(PICTURE, find_variant(IDS[0]))
    before, after = subject.predict(np.stack([subject.attention, painted]), "multiplicative")
    assert f"{100 * after.max():.1f}%" in output and changes(output) == [effects(at)[0][0]]
    assert f"change {100 * (after - before)[before.argmax()]:+.1f} points" in output


def test_intervene_with_a_covered_image(app, capsys):
    app.switch_page("pages/Intervene.py").session_state["intervene_tab"] = intervene_words.COVER
    at = app.run()
    owner = f"{PICTURE.sha256} crop {find_variant(IDS[0]).map_size}"
    cells = np.zeros(find_variant(IDS[0]).map_size, np.float32)
    cells[2:5, 1:7] = 1
    at.session_state["covered"] = owner, cells, 0
    output = run_code(at.run(), capsys)
    first = explain(PICTURE, IDS)[0]
    (after, *_) = explain(interventions.cover_cells(PICTURE, first.fitted, cells > 0.5), IDS)
    assert f"{100 * after.perception.max():.1f}%" in output
    assert np.array_equal(components(at, "abn_painter")["cover"]["map"], cells.ravel())


def test_measure_has_the_settings_of_the_curves(app):
    for key, value in {"paint": "black", "steps": 14, "randoms": 19}.items():
        app.session_state[key] = value
    at = app.switch_page("pages/Measure.py").run()
    (code,) = at.code
    assert 'curve_specs(kind, baseline="black", steps=14, random_orders=19)' in code.value


@pytest.mark.parametrize("page", PAGES)
def test_the_notebook_is_that_of_the_code(app, offered, page):
    at = app.switch_page(page).run() if page != "app.py" else app.run()
    (file,) = (name for name in offered if name.endswith(".ipynb"))
    first, *cells = json.loads(offered[file]())["cells"]
    assert "".join(at.code[0].value.split()).endswith("".join("".join("".join(c["source"]).split()) for c in cells))
    assert f"photo={PHOTO.id}" in "".join(first["source"]) and file.startswith(f"abn-{PHOTO.id}--")


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("parameter", [("hide", "controls"), ("present", "1")], ids="=".join)
def test_it_is_hidden_with_the_controls_and_on_a_projector(app, page, parameter):
    app.query_params.update([parameter])
    at = app.switch_page(page).run() if page != "app.py" else app.run()
    assert not at.exception and not at.code


def test_an_uploaded_image_is_opened_by_its_name(app, capsys, tmp_path, monkeypatch):
    name, data = 'my "photo" \\.jpg', (samples.SAMPLES / "koala.jpg").read_bytes() + b"\0"  # no photo of the gallery
    app.run()
    at = app.file_uploader(key="files").set_value([(name, data, "image/jpeg")]).run()
    monkeypatch.chdir(tmp_path)
    (code,) = at.code
    path = re.search(r"^path = (.*?)  #", code.value, re.M)[1]
    Path(eval(path)).write_bytes(data)
    (explanation, _) = explain(open_picture(data), IDS)
    assert f"{100 * explanation.perception.max():.1f}%" in run_code(at, capsys)


def test_random_weights_have_no_code(app):
    sketch = own.with_seed(own.sketch_random("resnet18", num_classes=3), mechanism="additive", seed=1)
    variant = own.draw_weights(sketch)
    app.run()
    app.session_state["own_variants"] = {variant.card.id: variant}
    app.session_state["own_listed"] = [variant.card.id]
    app.session_state["variant_ids"] = [variant.card.id]
    at = app.run()
    assert not at.exception and not at.code and words.NO_FILE in [caption.value for caption in at.caption]
