"""Published top-1 errors as dots: one value each, as no seeds were given."""

from abn.plots.plotly_objects import go
from abn.plots.theme import GRAY, VIOLET, escape
from abn.study.figures.rows import MEAN_Y, SEEDS_Y, lay_out_rows
from abn.study.findings import Published


def published_dots(published: Published, dataset: str) -> go.Figure:
    """Top-1 errors on a data set, a row for each backbone: the authors' above, those of others below."""
    results, figure = published.by_dataset[dataset], go.Figure()
    backbones = [result.backbone for result in results]
    disputes = [item for item in published.disputes if item.dataset == dataset and item.backbone in backbones]
    abn_disputes = [(item.backbone, item.abn) for item in disputes if item.abn is not None]
    for name, symbol, color, y, points in (
        (
            "attention branch, by its authors",
            "diamond",
            VIOLET,
            MEAN_Y,
            [(result.backbone, result.abn) for result in results],
        ),
        (
            "baseline, by the same authors",
            "square",
            GRAY,
            MEAN_Y,
            [(result.backbone, result.plain) for result in results],
        ),
        ("attention branch, by others", "diamond-open", VIOLET, SEEDS_Y, abn_disputes),
        ("baseline, by others", "square-open", GRAY, SEEDS_Y, [(item.backbone, item.plain) for item in disputes]),
    ):
        figure.add_scatter(
            name=name,
            x=[error for _, error in points],
            y=[backbones.index(backbone) + y for backbone, _ in points],
            customdata=[escape(backbone) for backbone, _ in points],
            hovertemplate=f"%{{customdata}}, {name}: %{{x:.2f}} %<extra></extra>",
            mode="markers",
            marker={"color": color, "symbol": symbol, "size": 12, "line": {"width": 2, "color": color}},
            showlegend=bool(points),
        )
    texts = ((escape(result.backbone), f"{result.abn:.1f} against {result.plain:.1f}") for result in results)
    lay_out_rows(figure, texts, "top-1 error (%), lower is better", top=78)
    return figure


def published_alt(published: Published, dataset: str) -> str:
    """The same in words."""
    rows = [
        f"{result.backbone}: {result.abn:.1f} with attention branch, {result.plain:.1f} without"
        for result in published.by_dataset[dataset]
    ]
    return f"Published top-1 error in percent, {dataset}. {'; '.join(rows)}."
