"""Figures of the study, each with the same content in words for its `alt` text.

Rows are drawn alike everywhere: a label and a number above, marks or bars below; legible on a light and a dark ground.
"""

from abn.study.figures.costs import cost_alt, cost_bars
from abn.study.figures.differences import alt, dots
from abn.study.figures.forest import forest_header, forest_row
from abn.study.figures.published import published_alt, published_dots
