"""The measured figures of variants as Markdown tables: the block in checkpoints/README.md, made by
`python -m abn variants --markdown`.
"""

from itertools import groupby

from abn.variants.card import Card

TABLES = {  # by the data that a card of the table was measured on; columns: title, and where the figure is on a card
    "labeled": (
        ("labeled: perception top-1 accuracy", "labeled", "perception_top1"),
        ("auxiliary top-1 accuracy", "labeled", "auxiliary_top1"),
        ("held out: perception agreement", "held out", "perception_agreement"),
        ("masked: pointing", "masked", "pointing"),
        ("ROC-AUC", "masked", "roc_auc"),
        ("scenes: perception agreement", "scenes", "perception_right"),
        ("pointing", "scenes", "pointing"),
        ("ROC-AUC", "scenes", "roc_auc"),
    ),
    "cifar100": (
        ("CIFAR-100: perception accuracy", "cifar100", "accuracy"),
        ("auxiliary accuracy", "cifar100", "accuracy_auxiliary"),
        ("perception calibration error", "cifar100", "calibration_error"),
        ("auxiliary calibration error", "cifar100", "calibration_error_auxiliary"),
    ),
    "cluttered": (
        ("cluttered: perception accuracy", "cluttered", "accuracy"),
        ("auxiliary accuracy", "cluttered", "accuracy_auxiliary"),
        ("pointing", "cluttered", "pointing"),
        ("ROC-AUC", "cluttered", "roc_auc"),
        ("share of M on objects ÷ share of area", "cluttered", "energy_over_area"),
    ),
}


def format_tables(cards: list[Card]) -> str:
    """The measured figures of the cards as Markdown, a table for those measured on the same data; each family under its
    controls, which are those of its first card."""
    tables = []
    for measured_on, columns in TABLES.items():
        lines = []
        chosen = (card for card in cards if measured_on in card.measured)
        for family, group in groupby(chosen, key=lambda card: card.family):
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
