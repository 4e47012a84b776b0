"""What the authors report, what disputes it, and what they leave out."""

from dataclasses import dataclass
from pathlib import Path

from abn.study.findings import files
from abn.study.findings.words import number


@dataclass(frozen=True)
class Dispute:
    """What somebody else measured; top-1 error in %."""

    dataset: str
    backbone: str
    plain: float
    abn: float | None
    remark: str
    source: str
    url: str


@dataclass(frozen=True)
class Published:
    """The authors' own figures, what disputes them and what they leave out."""

    rows: dict[str, list[tuple[str, float, float]]]  # data set → (backbone, ABN, plain), top-1 error in %
    disputes: list[Dispute]
    missing: list[str]
    quote: str  # what a review says, as a sentence


def read_published(results: Path | None = None) -> Published:
    """The published figures; `ABNError` where the file is missing or broken."""
    stored = files.read("published.json", files.PUBLISHED, results)
    try:
        rows: dict[str, list[tuple[str, float, float]]] = {}
        for result in stored["results"]:
            errors = str(result["backbone"]), float(result["abn"]), float(result["plain"])
            rows.setdefault(str(result["dataset"]), []).append(errors)
        sources = {name: (str(source["name"]), str(source["url"])) for name, source in stored["sources"].items()}
        disputes = [
            Dispute(
                str(item["dataset"]),
                str(item["backbone"]),
                float(item["plain"]),
                None if item.get("abn") is None else float(item["abn"]),
                str(item["said"]),
                *sources[item["source"]],
            )
            for item in stored["disputes"]
        ]
        review = stored["review"]
        quote = f"{review['said']}, {sources[review['source']][0]} says “{review['quote']}”."
        return Published(rows, disputes, [str(text) for text in stored["not_given"]], quote)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise files.broken("published.json", files.PUBLISHED) from error


def published_sentence(published: Published) -> str:
    """What the authors report, in one sentence."""
    gains = [plain - abn for rows in published.rows.values() for _, abn, plain in rows]
    better = sum(gain > 0 for gain in gains)
    return (
        f"By its authors' figures, the Attention Branch Network errs less than the plain CNN in {better} of "
        f"{len(gains)} pairs, by {number(min(gains), 1)} to {number(max(gains), 1)} percentage points; they give no "
        f"{', no '.join(published.missing)}."
    )
