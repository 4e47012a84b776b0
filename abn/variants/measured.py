"""The measured figures of variants as Markdown tables, for the README and `python -m abn variants`."""

from itertools import groupby

from abn.variants.card import Card

COLUMNS = {  # of the tables of figures, by the kind of images: title, and where the figure is on a card
    "photograph": (
        ("scenes: perception right", "scenes", "perception_right"),
        ("auxiliary right", "scenes", "auxiliary_right"),
        ("pointing", "scenes", "pointing"),
        ("ROC-AUC", "scenes", "roc_auc"),
        ("energy ÷ area", "scenes", "energy_over_area"),
        ("photographs: perception top-1", "photographs", "perception_top1"),
        ("auxiliary top-1", "photographs", "auxiliary_top1"),
    ),
    "clothing": (
        ("plain: perception right", "fashion", "accuracy"),
        ("auxiliary right", "fashion", "accuracy_auxiliary"),
        ("cluttered: perception right", "cluttered", "accuracy"),
        ("auxiliary right", "cluttered", "accuracy_auxiliary"),
        ("pointing", "cluttered", "pointing"),
        ("ROC-AUC", "cluttered", "roc_auc"),
        ("energy ÷ area", "cluttered", "energy_over_area"),
    ),
}


def format_tables(cards: list[Card]) -> str:
    """The measured figures of the cards as Markdown, a table for each kind of image; each family under its
    controls, which are those of its first card."""
    tables = []
    for kind, columns in COLUMNS.items():
        lines = []
        for family, group in groupby((card for card in cards if card.kind == kind), key=lambda card: card.family):
            members = list(group)
            controls = members[0].measured.get("controls", {})
            measured = [(f"*{family}: {name}*", figures) for name, figures in controls.items()]
            for name, figures in [*measured, *((f"`{card.id}`", card.measured) for card in members)]:
                values = [figures.get(data, {}).get(key) for _, data, key in columns]
                lines.append(f"| {name} | " + " | ".join("–" if v is None else f"{v:.3f}" for v in values) + " |")
        if lines:
            head = ["| | " + " | ".join(title for title, *_ in columns) + " |", "|---" * (len(columns) + 1) + "|"]
            tables.append("\n".join([*head, *lines]))
    return "\n\n".join(tables)
