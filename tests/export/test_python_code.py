"""Each program prints the numbers that the library computes for the same choice, and no name gets out of its string."""

import ast
import builtins
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import exporting
import numpy as np
import pytest
import tiny

from abn.engine.runner import softmax
from abn.evaluation import deletion_insertion, map_ablation
from abn.evaluation.metrics import overlap, rank_correlation
from abn.explanations import interventions
from abn.explanations.explainer import explain
from abn.explanations.explanation import Explanation
from abn.explanations.interventions import Effect
from abn.explanations.stages import STAGES
from abn.explanations.trace import trace_picture
from abn.export.figures import npy_bytes
from abn.export.python_code import PROGRAMS, YOUR_IMAGES, python_code
from abn.images import samples
from abn.images.decode import open_picture
from abn.training.map_teaching.examples import Example, rectangle_map
from abn.training.map_teaching.report import NETWORKS
from abn.training.map_teaching.settings import Settings
from abn.training.map_teaching.teaching import held_out_photos, teach_variant
from abn.ui.intervene.words import EXPORT_NPY
from abn.ui.teach_map.words import EXPORT_TARGETS
from abn.variants.store import find_variant
from abn.vocabulary import HEADS, MECHANISMS

ROOT = Path(__file__).parents[2]
IDS = [f"cluttered-resnet20-{name}" for name in ("additive", "multiplicative")]  # 32 × 32 pixels: quick
CARDS = [find_variant(variant) for variant in IDS]
PHOTO = next(photo for photo in samples.gallery().values() if photo.kind == "clothing")
PATH, PICTURE, FIT = f"abn/samples/{PHOTO.file}", open_picture(PHOTO.path.read_bytes()), "pad"
CHOICES = {  # what each program depends on
    "compare": {"mechanism": "none"},
    "inside": {"applied": "multiplicative"},
    "mechanisms": {"strength": 1.5, "power": 2.0},
    "control maps": {"edits": ("constant mean", "shuffled", "zeros")},
    "agreement of maps": {},
    "preset": {"preset": "inverted", "applied": "multiplicative"},
    "edited map": {"file": "map.npy", "applied": "additive"},
    "covered image": {"cells": ("..##", "..##", "....", "....")},
    "sensitivity": {},
    "curves": {"baseline": "black", "steps": 4, "random_orders": 2},
    "taught map": {
        "labels": (3,),
        "file": "targets.npy",
        "map_weight": 20.0,
        "kept_maps": 0.0,
        "steps": 10,
        "learns": "heads",
    },
}


def printed(code: str, capsys) -> list[str]:
    """The numbers with a decimal point that a program prints."""
    exec(compile(code, "program", "exec"), {})
    return re.findall(r"[+-]?\d+\.\d+(?:e[+-]\d+)?", capsys.readouterr().out)


def program(view: str, **choices) -> str:
    return python_code(view, [PATH], IDS, fit=FIT, **CHOICES[view] | choices)


@pytest.fixture
def subject(runner) -> interventions.AttendedImage:
    return interventions.attend_image(PICTURE, CARDS[0], fit=FIT, load=runner)


@pytest.fixture(autouse=True)
def in_repository(monkeypatch) -> None:
    monkeypatch.chdir(ROOT)


def firsts(explanation: Explanation, count: int = 3) -> list[str]:
    return [f"{100 * p.probability:.1f}" for head in HEADS for p in explanation.top(head, count)]


def numbers_of(effect, digits: int = 3) -> list[str]:
    return [f"{100 * effect.change:+.1f}", f"{effect.js_divergence:.{digits}f}"]


def test_every_program_has_its_choices():
    assert set(CHOICES) == set(PROGRAMS)


def test_compare(capsys, runner):
    expected = []
    for explanation in explain(PICTURE, IDS, fit=FIT, mechanism="none", load=runner):
        m = explanation.attention
        expected += [*firsts(explanation), f"{m.min():.2f}", f"{m.max():.2f}"]
    assert printed(program("compare"), capsys) == expected


def test_inside(capsys, runner):
    trace = trace_picture(PICTURE, CARDS[0], fit=FIT, mechanism="multiplicative", load=runner)
    assert trace.mechanism == "multiplicative" and not np.allclose(trace.reweighted, trace.features)
    numbers = iter(printed(program("inside"), capsys)[-12:])  # of each head's classes the logit and the probability
    for logits in (trace.aux_logits, trace.logits):
        for k in np.argsort(-logits)[:3]:
            assert next(numbers) == f"{logits[k]:.2f}" and next(numbers) == f"{100 * softmax(logits)[k]:.1f}"
    exec(program("inside"), {})
    lines = capsys.readouterr().out.splitlines()
    for name in STAGES:
        values = trace.stage(name)
        (line,) = (line for line in lines if line.startswith(f"{name} ("))
        assert ast.literal_eval(line[line.index("(") : line.index(")") + 1]) == values.shape
        shown = re.findall(r"(?:min|mean|max) (\S+?)(?:,|$)", line)
        expected = (values.min(), values.mean(dtype=float), values.max())
        assert shown == [f"{float(value):.3g}" for value in expected]


def test_mechanisms(capsys, subject):
    attention, own = 1.5 * subject.attention**2, subject.predict(subject.attention)
    expected = []
    for mechanism in MECHANISMS:
        effect = Effect("", attention, own, subject.predict(attention, mechanism))
        expected += [f"{100 * effect.after.max():.1f}", *numbers_of(effect)]
    assert printed(program("mechanisms"), capsys) == expected


def test_control_maps(capsys, subject):
    expected = []
    for mechanism in ("multiplicative", "additive"):
        own = subject.predict(subject.attention, mechanism)
        shuffled = [interventions.shuffle_cells(subject.attention, seed) for seed in range(8)]
        for maps in (
            [np.full_like(subject.attention, subject.attention.mean())],
            shuffled,
            [np.zeros_like(subject.attention)],
        ):
            effects = [Effect("", attention, own, subject.predict(attention, mechanism)) for attention in maps]
            changed = np.mean([effect.changes_prediction for effect in effects])
            expected += [f"{100 * np.mean([effect.change for effect in effects]):+.1f}", f"{100 * changed:.1f}"]
    assert printed(program("control maps"), capsys) == expected


def test_agreement_of_maps(capsys, runner):
    expected = []
    for first, second in combinations(explain(PICTURE, IDS, fit=FIT, load=runner), 2):
        pair = first.attention, second.attention
        expected += [f"{rank_correlation(*pair):.3f}", f"{overlap(*pair, share=0.2):.3f}"]
    assert printed(program("agreement of maps"), capsys) == expected


@pytest.mark.parametrize("view", ["preset", "edited map"])
def test_another_map(view, capsys, subject, tmp_path):
    edited = interventions.PRESETS["inverted"](subject.attention)
    if view == "edited map":
        edited = edited.copy()
        edited[0, 0] = 1
    (tmp_path / "map.npy").write_bytes(npy_bytes(edited))
    choices = {"file": str(tmp_path / "map.npy")} if view == "edited map" else {}
    applied = CHOICES[view]["applied"]
    effect = Effect("", edited, *(subject.predict(attention, applied) for attention in (subject.attention, edited)))
    expected = []
    for attention, p in ((subject.attention, effect.before), (edited, effect.after)):
        expected += [f"{attention.min():.2f}", f"{attention.max():.2f}", f"{100 * p.max():.1f}"]
    code = program(view, **choices)
    assert printed(code, capsys) == [*expected, *numbers_of(effect)]
    assert (EXPORT_NPY in code) == (view == "edited map")


def test_covered_image(capsys, runner):
    before = explain(PICTURE, IDS, fit=FIT, load=runner)
    rows, columns = before[0].attention.shape
    cells = np.zeros((rows, columns), bool)
    cells[: rows // 2, columns // 2 :] = True
    after = explain(interventions.cover_cells(PICTURE, before[0].fitted, cells), IDS, fit=FIT, load=runner)
    drawn = tuple("".join(".#"[int(cell)] for cell in row) for row in cells)
    expected = []
    for first, second in zip(before, after, strict=True):
        pairs = zip(firsts(first, 1), firsts(second, 1), strict=True)
        expected += [number for pair in pairs for number in pair]
    assert printed(program("covered image", cells=drawn), capsys) == expected


def test_sensitivity(capsys, runner):
    expected = []
    for card in CARDS:
        effects = map_ablation.ablate_in_picture(PICTURE, card, fit=FIT, load=runner)
        expected += [number for effect in effects.values() for number in numbers_of(effect, 2)]
    assert printed(program("sensitivity"), capsys) == expected


def test_curves(capsys, runner):
    expected = []
    for card in CARDS:
        subject = interventions.attend_image(PICTURE, card, fit=FIT, load=runner)
        for kind in deletion_insertion.KINDS:
            specs = deletion_insertion.curve_specs(kind, baseline="black", steps=4, random_orders=2)
            areas = [deletion_insertion.compute_curve(subject, card.input, spec).area for spec in specs]
            difference = areas[0] - np.mean(areas[1:])
            expected += [f"{areas[0]:.3f}", f"{np.mean(areas[1:]):.3f}", f"{difference:+.3f}"]
    assert printed(program("curves"), capsys) == expected


def test_taught_map(capsys, network, tmp_path):
    card = CARDS[0]
    example = Example(PICTURE, rectangle_map(card.map_size, (2, 5), (1, 9)), 3)
    (tmp_path / "targets.npy").write_bytes(npy_bytes(example.target[None]))
    report = teach_variant(
        card,
        [example],
        Settings(map_weight=20.0, kept_maps=0.0, steps=10, learns="heads"),
        network=network(card),
        fit=FIT,
        held_out=[open_picture(photo.path.read_bytes()) for photo in held_out_photos(card, {PICTURE.sha256})],
    ).report
    expected = []
    for name in NETWORKS:
        near, attention = report.examples[0].agreement(name), report.held_out[0].outcomes[name].attention
        moved = np.abs(attention - report.held_out[0].outcomes["before"].attention).mean()
        expected += [near.squared_distance, near.rank_correlation, near.overlap, moved]
    code = program("taught map", file=str(tmp_path / "targets.npy"))
    assert [float(number) for number in printed(code, capsys)] == pytest.approx(expected, abs=0.006)
    assert expected[0] > 1.1 * expected[4] and EXPORT_TARGETS in code  # 4 figures of each network


def test_a_persons_own_images_are_marked_in_a_list():
    choices = CHOICES["taught map"] | {"labels": (None, 3)}
    gallery, mixed = (
        python_code("taught map", images, IDS, fit=FIT, **choices) for images in ([PATH, PATH], [PATH, "my photo.png"])
    )
    assert YOUR_IMAGES not in gallery and f'paths = ["{PATH}", "my photo.png"]{YOUR_IMAGES}\n' in mixed


@pytest.mark.parametrize("view", PROGRAMS)
def test_a_program_imports_what_it_reads_and_nothing_else(view):
    tree = ast.parse(program(view, file="overlap np Effect.npy"))
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    imported = [name.asname or name.name for node in imports for name in node.names]
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    stored = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    stored |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    assert sorted(imported) == sorted({node.id for node in names} - stored - set(dir(builtins)))


def test_a_program_runs_by_itself():
    done = subprocess.run(
        [sys.executable, "-c", program("compare")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    (first, *_) = explain(PICTURE, IDS, fit=FIT, mechanism="none")
    assert done.returncode == 0 and firsts(first)[0] in done.stdout, done.stderr


def test_a_persons_own_files(capsys, monkeypatch, tmp_path):
    cards = [
        tiny.variant(tmp_path, name, tiny.network(seed=k)) for k, name in enumerate(("my-variant", "my-variant-2"))
    ]
    (tmp_path / "my photo.png").write_bytes(exporting.image_file())
    monkeypatch.chdir(tmp_path)
    code = python_code("compare", ["my photo.png"], ["own:1", "own:2"], fit="crop", mechanism="trained")
    expected = []
    for explanation in explain("my photo.png", cards):
        m = explanation.attention
        expected += [*firsts(explanation), f"{m.min():.2f}", f"{m.max():.2f}"]
    assert printed(code, capsys) == expected


NAMES = (
    'a"b.jpg',
    "a'b.jpg",
    "'\"a.jpg",
    '"""); import os  #.jpg',
    "back\\slash\\.jpg",
    "end\\",
    "new\nline\r\n\n\nimport os.jpg",
    "$path ${card} {x} %s.jpg",
    "写真 ❤\u2028\u2029\u202e\x00\x0c\ud800.jpg",
)


def shape(code: str) -> tuple[str, list[str]]:
    """A program without its texts, and the texts."""
    tree, texts = ast.parse(code), []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.append(node.value)
            node.value = ""
    return ast.dump(tree), texts


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("view", PROGRAMS)
def test_no_name_gets_out_of_its_string(view, name):
    choices = {**CHOICES[view], "file": name}
    usual, texts = shape(python_code(view, ["a.jpg"], IDS, fit="crop", **{**choices, "file": "b.npy"}))
    code = python_code(view, [name], IDS, fit="crop", **choices)
    tree, given = shape(code)
    assert tree == usual
    assert given == [{"a.jpg": name, "b.npy": name}.get(text, text) for text in texts]
    assert all(char.isprintable() for char in code.replace("\n", ""))
