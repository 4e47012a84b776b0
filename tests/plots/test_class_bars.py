"""Bars in HTML: the right lengths and numbers in the right order, names that stay text, words for who can't see."""

import re
from types import SimpleNamespace

import numpy as np

from abn.explanations.explanation import Explanation
from abn.plots import class_bars, numbers


def explanation(auxiliary: list[float], perception: list[float], labels: list[str]) -> Explanation:
    return Explanation(
        variant="v", trained_with="additive", applied="additive", auxiliary=np.array(auxiliary, np.float32),
        perception=np.array(perception, np.float32), labels=tuple(labels), attention=np.zeros((2, 2), np.float32),
        fitted=SimpleNamespace(), spec=SimpleNamespace(), seconds=0.0, shared_extractor=False,
    )  # fmt: skip


def read(drawn: str) -> list[tuple[str, list[tuple[str, float, str]]]]:
    """Class → (whose, length in per cent of the width, number) of each bar."""
    result = []
    for body in re.findall(r"<span title=.*?</span>", drawn):
        rows = re.findall(r'<i title="(.*?)" style="--head: #\w+; --length: ([\d.]+)%">(.*?)</i>', body)
        result.append(
            (re.search(r"<b>(.*?)</b>", body)[1], [(who, float(length), words) for who, length, words in rows])
        )
    return result


def test_both_heads_top_classes_stand_on_one_axis():
    auxiliary, perception = [0.0] * 12, [0.0] * 12
    auxiliary[0], auxiliary[1], auxiliary[2] = 0.5, 0.3, 0.2
    perception[9], perception[1], perception[3] = 0.6, 0.25, 0.15
    result = explanation(auxiliary, perception, [f"class {k}, other" for k in range(12)])
    drawn = read(class_bars.paired_bars(result))
    assert [name for name, _ in drawn] == [
        numbers.short_label(result.labels[k]) for k in class_bars.shared_classes(result)
    ]
    assert [name for name, _ in drawn[:5]] == ["class 9", "class 0", "class 1", "class 2", "class 3"]
    assert drawn[0][1] == [("Auxiliary head", 0.0, "0.0 %"), ("Perception head", 48.0, "60.0 %")]
    assert drawn[2][1] == [("Auxiliary head", 24.0, "30.0 %"), ("Perception head", 20.0, "25.0 %")]


def test_names_and_words_are_only_text():
    result = explanation([0.9, 0.1], [0.9, 0.1], ['<b>bold</b> & "co"', "plain"])
    drawn = class_bars.paired_bars(result, alt='a "picture" <script>')
    assert "<b>&lt;b&gt;bold&lt;/b&gt; &amp; &quot;co&quot;</b>" in drawn and "<script>" not in drawn
    assert 'role="img" aria-label="a &quot;picture&quot; &lt;script&gt;"' in drawn


def test_room_and_key():
    series = [("before", "#000000", np.array([0.25, 0.75])), ("after", "#ffffff", np.array([0.5, 0.5]))]
    drawn = class_bars.class_bars(series, ("a", "b"), [1, 0], rows=4)
    assert "min-height: calc(4 * var(--row))" in drawn and "abn-key" not in drawn
    assert [item for item, _ in read(drawn)] == ["b", "a"]
    keyed = class_bars.class_bars(series, ("a", "b"), [1, 0], legend=True)
    assert '<i class="abn-key" style="--head: #000000">before</i>' in keyed
    assert "min-height: calc(2 * var(--row))" in keyed
