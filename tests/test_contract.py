"""The public contract of the package and of the command line, called as a stranger would."""

import json
import logging
import os
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch

import abn
from abn.__main__ import main
from abn.errors import ABNError
from abn.variants.store import list_variants

ROOT = Path(__file__).parents[1]
PHOTO = ROOT / "abn" / "samples" / "bison.jpg"
ADDITIVE, MULTIPLICATIVE = "imagenet-lite0-additive", "imagenet-lite0-multiplicative"


# ---- the package ----


def test_create_model_and_its_output():
    model = abn.create_model("resnet18", num_classes=10, mechanism="additive")
    out = model(torch.randn(2, 3, 96, 96))
    assert out.logits.shape == out.aux_logits.shape == (2, 10)
    assert out.attention.shape == (2, 1, 6, 6) and out.attention.min() > 0 and out.attention.max() < 1
    assert out.class_maps.shape == (2, 10, 6, 6) and out.features.shape == (2, 256, 6, 6)
    assert torch.equal(out.class_maps.mean((2, 3)), out.aux_logits)
    assert torch.equal(model.perceive(out.features, out.attention, mechanism="additive"), out.logits)
    assert isinstance(model, abn.AttentionBranchNetwork) and isinstance(out, abn.ABNOutput)


def test_mechanisms():
    assert abn.MECHANISMS == ("additive", "multiplicative", "none")
    with pytest.raises(abn.ABNError, match="additive, multiplicative, none"):
        abn.create_model("resnet18", num_classes=10, mechanism="magic")


def test_variants_and_explain():
    assert {ADDITIVE, MULTIPLICATIVE, "imagenet-lite0-none"} <= {card.id for card in abn.list_variants()}
    assert abn.load_variant(ADDITIVE).mechanism == "additive"
    picture = abn.open_picture(PHOTO.read_bytes())
    first, second = abn.explain(picture, [ADDITIVE, MULTIPLICATIVE], fit="crop")
    assert isinstance(first, abn.Explanation) and isinstance(picture, abn.Picture)
    assert (first.variant, second.variant) == (ADDITIVE, MULTIPLICATIVE)
    assert first.attention.shape == (14, 14) and first.perception.shape == (1000,)
    assert second.shared_extractor


@pytest.mark.parametrize(
    "call",
    [
        lambda: abn.open_picture(b"no picture"),
        lambda: abn.load_variant("nobody"),
        lambda: abn.create_model("nothing"),
        lambda: abn.convert_official("nowhere.pth.tar", arch="resnet20", num_classes=10),
    ],
)
def test_every_error_for_people_is_one_of_ours_and_a_value_error(call):
    with pytest.raises(abn.ABNError) as error:
        call()
    assert isinstance(error.value, ValueError) and len(str(error.value).splitlines()) == 1


def test_every_name_of_the_contract_is_there():
    for name in abn.__all__:
        assert getattr(abn, name) is not None
    assert callable(abn.explain)
    import_module("abn.explanations.explainer")  # a module must not take the function's place
    assert callable(abn.explain)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        abn.nothing  # noqa: B018


# ---- the command line, each as a process of its own ----


def command(*arguments: object, **options) -> subprocess.CompletedProcess:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "abn", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        **options,
    )


def test_called_from_python_it_leaves_the_logger_as_it_was(capsys):
    log = logging.getLogger("abn")
    before = log.level, list(log.handlers)
    assert main(["explain", "no-such-file.jpg", "--variant", ADDITIVE]) == 1
    assert (log.level, list(log.handlers)) == before


def test_explain_json(tmp_path):
    """Two images and a bad one: an object a line, files with --out, and status 1 for the bad one."""
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    other = tmp_path / "bison.png"
    tiny.picture(300, 200).image.save(other)
    done = command(
        "explain",
        PHOTO,
        bad,
        other,
        "--variant",
        f"{ADDITIVE},{MULTIPLICATIVE}",
        "--mechanism",
        "multiplicative",
        "--top",
        3,
        "--fit",
        "squash",
        "--out",
        tmp_path / "out",
        "--json",
        cwd=tmp_path,
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    good, failed, last = map(json.loads, done.stdout.splitlines())
    assert failed.keys() == {"image", "error"} and failed["image"] == str(bad)
    assert good.keys() == last.keys() == {"image", "sha256", "results"}
    assert good["image"] == str(PHOTO) and good["sha256"] == abn.open_picture(PHOTO.read_bytes()).sha256
    for result, trained in zip(good["results"], ("additive", "multiplicative"), strict=True):
        assert result.keys() == {"variant", "trained_with", "applied", "aux", "perception", "map", "seconds"}
        assert (result["trained_with"], result["applied"]) == (trained, "multiplicative")
        for head in ("aux", "perception"):
            assert [entry.keys() for entry in result[head]] == [{"class", "label", "probability"}] * 3
            probabilities = [entry["probability"] for entry in result[head]]
            assert probabilities == sorted(probabilities, reverse=True) and 0 <= probabilities[-1] <= 1
        saved = np.load(tmp_path / "out" / f"bison--{result['variant']}.npy")
        assert saved.dtype == np.float32 and saved.shape == (14, 14)
        assert result["map"].pop("shape") == [14, 14]
        assert result["map"] == pytest.approx({"min": saved.min(), "mean": saved.mean(), "max": saved.max()}, abs=1e-7)
        assert result["seconds"] > 0
    names = [f"{stem}--{variant}" for stem in ("bison", "bison-2") for variant in (ADDITIVE, MULTIPLICATIVE)]
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {f"{name}.{end}" for name in names for end in ("npy", "png")}


def test_a_command_that_is_not_understood_ends_with_2():
    done = command("explain", "x.png")
    assert done.returncode == 2 and "--variant" in done.stderr and done.stdout == ""


def test_an_unknown_variant_is_one_sentence(tmp_path):
    done = command("explain", PHOTO, "--variant", "nobody", "--json", cwd=tmp_path)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("There is no variant 'nobody'") and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "encoding",
    ["cp932", "ascii", *(pytest.param(name, marks=pytest.mark.slow) for name in ("cp949", "cp936", "cp1252"))],
)
def test_any_encoding_of_the_output_will_do(tmp_path, encoding):
    """What a terminal lacks is written as an escape; a folder is read to its end, whatever its names are."""
    for name in ("na\u00efve \u00d7.png", "\u732b.png", "bad\udcff.png"):
        tiny.picture(40, 30).image.save(tmp_path / name)
    (tmp_path / "\u732b-broken.png").write_bytes(b"no image")

    def run(*arguments: object) -> tuple[int, str]:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding}
        listed = "\n".join(str(path) for path in tmp_path.iterdir()).encode("utf-8", "surrogateescape")
        command = [sys.executable, "-m", "abn", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, input=listed, env=environment, check=False)
        assert b"Traceback" not in done.stderr
        return done.returncode, done.stdout.decode(encoding)

    assert run("explain", "--help")[0] == run("train", "--help")[0] == run("variants")[0] == 0
    status, text = run("explain", tmp_path, "--variant", ADDITIVE, "--workers", 0)
    assert status == 1 and text.count("trained with additive") == 3
    status, lines = run("explain", "--list", "-", "--variant", ADDITIVE, "--workers", 0, "--json")
    records = [json.loads(line) for line in lines.splitlines()]
    assert status == 1 and {record["image"] for record in records} == {str(path) for path in tmp_path.iterdir()}
    assert sum("error" in record for record in records) == 1


def test_a_reader_who_leaves_is_no_traceback():
    command, pipes = [sys.executable, "-m", "abn", "variants", "--json"], {"stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, **pipes) as process:
        process.stdout.close()
        assert process.wait(60) == 1
        assert process.stderr.read() == ""


def test_stopping_is_no_traceback():
    code = """
import sys, time
import abn.__main__ as command

def slow():
    print("ready", file=sys.stderr, flush=True)
    time.sleep(60)

command.list_variants = slow
sys.exit(command.main(["variants"]))
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130 and process.stderr.read() == "Stopped.\n"


# ---- the same, inside this process, where it is quicker ----


def call(capsys, *arguments: object) -> tuple[int, str, str]:
    status = main([str(argument) for argument in arguments])
    out, error = capsys.readouterr()
    return status, out, error


def test_variants_json(capsys):
    status, out, _ = call(capsys, "variants", "--json")
    cards = json.loads(out)
    assert status == 0 and [card["id"] for card in cards] == [card.id for card in abn.list_variants()]
    assert {"backbone", "mechanism", "input", "map_size", "parameters", "measured", "license"} <= cards[0].keys()


def test_variants_for_people(capsys):
    status, out, _ = call(capsys, "variants")
    assert status == 0 and all(card.id in out.splitlines() for card in abn.list_variants())


def test_explain_for_people(capsys, tmp_path):
    status, out, _ = call(capsys, "explain", PHOTO, "--variant", ADDITIVE, "--top", 2)
    assert status == 0 and out.startswith(str(PHOTO))
    assert "trained with additive, applied additive" in out and "map 14 × 14" in out and out.count("%") == 4


@pytest.mark.parametrize("variant", ["", " , "])
def test_no_variant_at_all(capsys, variant):
    status, out, error = call(capsys, "explain", PHOTO, "--variant", variant)
    assert (status, out) == (1, "") and error.startswith("No variant was given")


def test_one_variant_that_fails_does_not_stop_the_others(capsys):
    status, out, error = call(capsys, "explain", PHOTO, "--variant", f"nobody,{ADDITIVE}", "--json")
    assert status == 1 and error.startswith("There is no variant 'nobody'")
    assert [result["variant"] for result in json.loads(out)["results"]] == [ADDITIVE]


def test_images_that_cannot_be_read(capsys, tmp_path):
    (tmp_path / "empty.png").touch()
    names = [tmp_path / "missing.png", tmp_path, tmp_path / "empty.png", "bad\0name.png"]
    status, out, _ = call(capsys, "explain", *names, "--variant", ADDITIVE, "--json")
    errors = [json.loads(line)["error"] for line in out.splitlines()]
    assert status == 1 and errors[0].startswith("This file does not exist")
    assert "empty" in errors[1] and errors[2] == errors[1]  # the folder's one picture, and the same by its own name
    assert "can't be read" in errors[3]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nothing"],
        ["explain"],
        ["explain", "a", "--variant", "b", "--fit", "stretch"],
        ["explain", "a", "--variant", "b", "--mechanism", "magic"],
        ["explain", "a", "--variant", "b", "--top", "0"],
        ["explain", "a", "--variant", "b", "--top", "many"],
        ["convert", "a"],
        ["convert", "a", "--arch", "resnet20", "--num-classes", "ten", "--out", "x"],
    ],
)
def test_misuse_ends_with_2(capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2 and capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["convert", "distil", "evaluate", "scenes", "bench"])
def test_the_long_commands_have_their_options(capsys, name):
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0 and "--" in capsys.readouterr().out


@pytest.mark.slow
def test_convert_makes_a_variant_that_explains(capsys, tmp_path):
    from authors_files import save, seeded

    source = save(tmp_path / "best.pth.tar", seeded(20, 10))
    arguments = ["convert", source, "--arch", "resnet20", "--num-classes", 10, "--out", tmp_path / "new" / "mine"]
    assert call(capsys, *arguments)[0] == 0
    (card,) = list_variants(tmp_path / "new")
    assert (card.id, card.backbone, card.num_classes, card.map_size) == ("mine", "cifar-resnet20", 10, (16, 16))
    (result,) = abn.explain(tiny.picture(), [card])
    images = torch.from_numpy(result.fitted.normalized(card.input))[None]
    with torch.inference_mode():
        out = abn.convert_official(source)(images)
    assert result.perception == pytest.approx(out.logits[0].softmax(0).numpy(), abs=1e-5) and result.labels[3] == "cat"
    status, _, error = call(capsys, *arguments)  # never over a variant that is there
    assert status == 1 and "choose another name" in error


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["missing.pth.tar", "--arch", "resnet20", "--num-classes", 10, "--out", "{}/x"], "does not exist"),
        (["missing.pth.tar", "--arch", "senet", "--num-classes", 10, "--out", "{}/x"], "choose --arch from resnet20"),
        (
            ["missing.pth.tar", "--arch", "resnet20", "--num-classes", 10, "--out", "{}/a b"],
            "can't be a variant's name",
        ),
    ],
)
def test_convert_fails_with_one_sentence(capsys, tmp_path, arguments, expected):
    status, out, error = call(capsys, "convert", *[str(a).format(tmp_path) for a in arguments])
    assert (status, out) == (1, "") and expected in error and len(error.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arch", ["wrn", "resnet20"])
def test_a_file_that_does_not_fit_is_one_line_and_nothing_else(capsys, tmp_path, arch):
    from authors_files import save, seeded

    source = save(tmp_path / "best.pth.tar", seeded(32, 10))
    if arch == "resnet20":
        source.write_bytes(source.read_bytes()[:5000])
    arguments = ["convert", source, "--arch", arch, "--num-classes", 10, "--out", tmp_path / "new" / "x"]
    status, out, error = call(capsys, *arguments)
    assert (status, out) == (1, "") and len(error.splitlines()) == 1 and not (tmp_path / "new").exists()
    assert ("it looks like resnet32" if arch == "wrn" else "damaged, cut short") in error


def test_errors_are_a_family():
    for name in ("BackboneError", "CheckpointError", "PictureError", "VariantError"):
        assert issubclass(getattr(abn, name), ABNError)
