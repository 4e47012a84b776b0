"""The notebook is one of nbformat 4.5, and its cells print what the program prints."""

import json
import re
from pathlib import Path

from abn.export.notebook import notebook
from abn.export.python_code import python_code
from abn.images import samples

ROOT = Path(__file__).parents[2]
PHOTO = next(photo for photo in samples.gallery().values() if photo.kind == "clothing")
CODE = python_code(
    "compare", [f"abn/samples/{PHOTO.file}"], ["cluttered-resnet20-additive"], fit="crop", mechanism="none"
)
ADDRESS = "http://127.0.0.1:8501/?photo=a&fit=pad"


def cells() -> list[dict]:
    return json.loads(notebook(CODE, ADDRESS))["cells"]


def test_it_is_a_notebook():
    content = json.loads(notebook(CODE, ADDRESS))
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
    assert set(content) == {"cells", "metadata", "nbformat", "nbformat_minor"}
    assert {"name", "display_name"} <= set(content["metadata"]["kernelspec"])
    ids = [cell["id"] for cell in cells()]
    assert len(set(ids)) == len(ids) and all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in ids)
    first, *others = cells()
    assert set(first) == {"cell_type", "id", "metadata", "source"} and first["cell_type"] == "markdown"
    fields = {"cell_type", "id", "metadata", "source", "execution_count", "outputs"}
    assert others and all(set(cell) == fields and cell["cell_type"] == "code" for cell in others)
    assert all(isinstance(line, str) for cell in cells() for line in cell["source"])
    assert notebook(CODE, ADDRESS) == notebook(CODE, ADDRESS)


def test_it_begins_with_the_sentence_and_the_address():
    text = "".join(cells()[0]["source"])
    assert text.startswith(CODE.splitlines()[0].removeprefix("# ")) and text.endswith(ADDRESS)


def test_its_cells_print_what_the_program_prints(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    exec(CODE, {})
    expected = capsys.readouterr().out
    held: dict = {}
    for cell in cells()[1:]:
        exec("".join(cell["source"]), held)
    assert capsys.readouterr().out == expected != ""
