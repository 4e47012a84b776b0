"""One result as a line of JSON, or as text for people."""

import json

from abn.batch.pipeline import ImageResult
from abn.explanations.explanation import Explanation
from abn.export.manifest import head_record, map_record


def json_line(result: ImageResult, top: int) -> str:
    """The JSON object of one image, with the `top` classes of each head."""
    if result.error:
        return json.dumps({"image": result.file.path, "error": result.error})
    results = [_to_json(explanation, top) for explanation in result.explanations]
    notes = {"notes": result.notes} if result.notes else {}
    return json.dumps({"image": result.file.path, "sha256": result.sha256, **notes, "results": results})


def text_lines(result: ImageResult, top: int) -> str:
    """The same as text of several lines."""
    # a name may hold characters that a terminal can't show, or that would steer it
    name = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in result.file.path)
    if result.error:
        return f"{name}: {result.error}"
    return "\n".join([name, *result.notes, *(_to_text(explanation, top) for explanation in result.explanations)])


def _to_json(explanation: Explanation, top: int) -> dict[str, object]:
    return {
        "variant": explanation.variant,
        "trained_with": explanation.trained_with,
        "applied": explanation.applied,
        "aux": head_record(explanation, "auxiliary", top),
        "perception": head_record(explanation, "perception", top),
        "map": map_record(explanation.attention),
        "seconds": explanation.seconds,
    }


def _to_text(explanation: Explanation, top: int) -> str:
    values, milliseconds = explanation.attention, 1000 * explanation.seconds
    h, w = values.shape
    lines = [
        f"  {explanation.variant}   trained with {explanation.trained_with}, applied {explanation.applied}   "
        f"{milliseconds:.0f} ms",
        f"    map {h} × {w}   min {values.min():.3f}   mean {values.mean():.3f}   max {values.max():.3f}",
        f"    {'auxiliary head':38}  perception head",
    ]
    for pair in zip(explanation.top("auxiliary", top), explanation.top("perception", top), strict=True):
        left, right = (f"{100 * p.probability:5.1f} %  {p.label.split(',')[0]:28}"[:38] for p in pair)
        lines.append(f"    {left:38}  {right}".rstrip())
    return "\n".join(lines)
