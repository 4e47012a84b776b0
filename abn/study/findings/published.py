"""What the authors report, what disputes it, and what they leave out."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from abn.study.findings import result_files
from abn.study.findings.words import number


@dataclass(frozen=True)
class Result:
    """The authors' figures for one backbone; top-1 error in %."""

    dataset: str
    backbone: str
    abn: float
    plain: float


@dataclass(frozen=True)
class Dispute:
    """What somebody else measured; top-1 error in %."""

    dataset: str
    backbone: str
    plain: float
    source: str  # key of `Published.sources`
    remark: str
    abn: float | None = None


@dataclass(frozen=True)
class Published:
    """The authors' own figures, what disputes them and what they leave out."""

    sources: dict[str, dict[str, str]]  # key → "name" and "url"
    results: tuple[Result, ...]
    disputes: tuple[Dispute, ...]
    review: dict[str, str]  # of the paper: its `topic`, `source` and `quote`
    not_given: tuple[str, ...]

    @cached_property
    def by_dataset(self) -> dict[str, list[Result]]:
        """Data set → its results."""
        names = dict.fromkeys(result.dataset for result in self.results)
        return {name: [result for result in self.results if result.dataset == name] for name in names}

    @property
    def quote(self) -> str:
        """The review, in one sentence."""
        return f"{self.review['topic']}: “{self.review['quote']}” ({self.sources[self.review['source']]['name']})."


def read_published(results: Path | None = None) -> Published:
    """The published figures; `ABNError` where the file is missing or broken."""
    return result_files.load("published.json", result_files.PUBLISHED, results, _parse)


def _parse(stored: Any) -> Published:
    published = result_files.from_json(Published, stored)
    cited = [published.review["source"], *(dispute.source for dispute in published.disputes)]
    if any({"name", "url"} - published.sources[key].keys() for key in cited):
        raise KeyError("name or url of a source")
    if {"topic", "quote"} - published.review.keys():
        raise KeyError("topic or quote of the review")
    return published


def published_sentence(published: Published) -> str:
    """What the authors report, in one sentence."""
    gains = [result.plain - result.abn for result in published.results]
    lower = sum(gain > 0 for gain in gains)
    return (
        f"The authors report a lower top-1 error with the attention branch in {lower} of {len(gains)} pairs, by "
        f"{number(min(gains), 1)} to {number(max(gains), 1)} percentage points. Each value is the best test epoch; "
        f"they give no {', no '.join(published.not_given)}."
    )
