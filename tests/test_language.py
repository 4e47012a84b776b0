"""The words of everything that people read: strings, docstrings, comments and names in code, README and docs.

A pattern may be allowed in a file where it means something else: a student's answer is one.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

ACTORS = r"(?:networks?|heads?|variants?|models?|branch(?:es)?|maps?|CNNs?)"
INSTEAD = {  # a pattern that nothing may match → what to write
    rf"\b{ACTORS} (?:say|name|answer|know|decide|look|see|forget|think|meet)s?\b":
        "a network predicts, computes, weighs",
    r"\banswers?\b|\banswered\b": "prediction, predicts",
    r"\bspeaks? for\b|\berrs less\b|\bright more often\b": "accuracy, top-1 error",
    r"\bask(?:s|ed|ing)? (?:the |a |each |every |these |all )?(?:network|variant|head|model)|\bask(?:ed)? again\b":
        "run the network, re-run",
    r"\b(?:heads|variants|networks|maps) part\b|\bwhere they part\b": "disagree",
    r"\bhangs? on\b|\bneeds? its (?:own )?map\b": "depends on",
    r"\bforgets?\b|\bforgotten\b|\bforgetting\b": "randomize, shuffle the weights",
    r"\bknows? nothing\b": "uninformative control",
    r"\btak(?:e|es|en|ing) away\b|\bpaint(?:s|ed|ing)? over\b|\bgone\b": "delete, deleted, fill value",
    r"\bnever met\b|\bhas not met\b": "out-of-distribution",
    r"\bused to\b": "trained with (or: formerly)",
    r"\bbits? apart\b": "JS divergence … bits",
    r"\bthe least\b|\bthe greatest\b|\bat least\b.*\bat most\b.*\bhalf of\b": "min, max, median, IQR",
    r"\bplain (?:CNN|backbone|network)s?\b": "baseline",
    r"(?<!parameter-)\bmatched\b": "parameter-matched baseline",
    r"\bunfolded\b|\bfolded\b|\bfast head\b": "gain-compensated, 100 × learning rate for the map head",
    r"\bupside[ -]down\b": "inverted map",
    r"\bno numbers? any ?more\b": "NaN or infinite",
    r"\benergy kept\b|\bkept energy\b": "norm ratio ‖g′‖ / ‖g‖",
    r"\banew\b": "again",
    r"\b(?:go|goes|going|went) on\b": "resume, continue",
    r"\bKeep this\b": "Export",
    r"\bCard of\b": "Model card",
    r"\bpictures?\b": "image (photo where people upload theirs)",
}  # fmt: skip
CODE = re.compile(r"`[^`]*`|^[\w.-]+$")  # code in prose, and strings that are keys of data
NAMES = {"one", "found", "told", "some", "said", "grow", "forget", "settle"}  # which say nothing of what they hold

ANSWER = r"\banswers?\b|\banswered\b"
ALLOWED = {  # the beginning of a file's name → patterns of INSTEAD that mean something else there
    "abn/teaching/": ANSWER,  # a student's
    "abn/ui/exercises/": ANSWER,
    "abn/ui/learn/": ANSWER,
    "abn/ui/live_class/": ANSWER,
    "abn/ui/for_teachers/": ANSWER,
    "abn/ui/progress/": ANSWER,
    "abn/ui/state.py": ANSWER,
    "docs/load.md": ANSWER,  # a server's
    "README.md": ANSWER,
    "CONTRIBUTING.md": ANSWER,
}


def _python_texts(path: Path) -> Iterator[tuple[int, str]]:
    """Strings and comments with their lines."""
    source = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for number, line in enumerate(node.value.splitlines()):
                yield node.lineno + number, line
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    yield from enumerate(path.read_text(encoding="utf-8").splitlines(), 1)


def read_by_people() -> dict[str, Path]:
    patterns = ("app.py", "pages/*.py", "abn/**/*.py", "*.md", "docs/*.md", "checkpoints/*.md")
    files = [path for pattern in patterns for path in sorted(ROOT.glob(pattern))]
    return {str(path.relative_to(ROOT)): path for path in files}


READERS = {".py": _python_texts, ".md": _lines}


@pytest.mark.parametrize("name", list(read_by_people()))
def test_words(name):
    path = ROOT / name
    wrong = [
        f"{name}:{number}: “{match[0]}” → {instead}: {line.strip()[:100]}"
        for number, line in READERS[path.suffix](path)
        for pattern, instead in INSTEAD.items()
        if not any(name.startswith(beginning) and pattern == allowed for beginning, allowed in ALLOWED.items())
        for match in re.finditer(pattern, CODE.sub("", line))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", [name for name in read_by_people() if name.endswith(".py")])
def test_names_in_code(name):
    tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
    given = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    given |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    given |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert not given & NAMES
