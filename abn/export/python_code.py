"""A few lines of Python that print the numbers of a view, to be run in the folder of the repository.

Each program begins with a comment on what it prints. What it depends on enters it as Python's own literals, so that no
name of a file can end its string.
"""

import ast
from collections.abc import Sequence
from string import Template

from abn.variants.own import is_own

HERE = "# Run it in the folder of the repository, in which abn/ lies."
YOUR_IMAGE = "  # your file: copy it into this folder, or write its path"
YOUR_IMAGES = "  # names without a folder are your files: copy them into this folder"
YOUR_VARIANT = "# my-variant: write the name of your files NAME.safetensors and NAME.json, copied into this folder."
IMPORTS = {  # beginning of a line → the names that it imports
    "from itertools import": ("combinations",),
    "from pathlib import": ("Path",),
    "import numpy as": ("np",),
    "import": ("abn",),
    "from abn.evaluation.deletion_insertion import": ("compare_curves", "compute_curve", "curve_specs"),
    "from abn.evaluation.map_ablation import": ("ablate_in_picture", "ablate_map", "mean_effect"),
    "from abn.evaluation.metrics import": ("overlap", "rank_correlation"),
    "from abn.explanations.explanation import": ("align_maps",),
    "from abn.explanations.interventions import": ("PRESETS", "Effect", "attend_image", "cover_cells", "scale_map"),
    "from abn.explanations.stages import": ("STAGES", "summarize", "top_classes"),
    "from abn.explanations.trace import": ("trace_picture",),
    "from abn.training.map_teaching.examples import": ("Example",),
    "from abn.training.map_teaching.report import": ("NETWORKS", "summarize_images"),
    "from abn.training.map_teaching.settings import": ("Settings",),
    "from abn.training.map_teaching.teaching import": ("held_out_photos", "teach_variant"),
    "from abn.variants.card import": ("class_names",),
    "from abn.variants.store import": ("find_variant",),
}

_EDIT = """
path = $path
card = $card
image = abn.open_picture(Path(path).read_bytes())

attended = attend_image(image, card, fit=$fit)
applied, edited = $applied, EDITED
before, after = attended.predict(np.stack([attended.attention, edited]), applied)
effect = Effect("edited map", edited, before, after)
print(f"{card.id}, trained with {card.mechanism}, applied {applied}")
for name, attention, p in (("own map", attended.attention, before), ("edited map", edited, after)):
    print(f"{name}, M {attention.min():.2f} to {attention.max():.2f}: {class_names(card)[p.argmax()]} {p.max():.1%}")
print(f"change {100 * effect.change:+.1f} points, JS divergence {effect.js_divergence:.3f} bits")
"""
PROGRAMS = {
    "compare": """\
# The first classes of both heads, and the range of the attention map M, of each variant.

path = $path
variants = $variants

for explanation in abn.explain(path, variants, fit=$fit, mechanism=$mechanism):
    attention = explanation.attention
    print(f"{explanation.variant}, trained with {explanation.trained_with}, applied {explanation.applied}")
    for head in ("auxiliary", "perception"):
        print(f"{head}:", "; ".join(f"{p.label} {p.probability:.1%}" for p in explanation.top(head, 3)))
    print(f"M {attention.min():.2f} to {attention.max():.2f}, {attention.shape} cells")
""",
    "inside": """\
# Shape, minimum, mean and maximum of every stage, and the first classes of both heads.

path = $path
card = $card
image = abn.open_picture(Path(path).read_bytes())

trace = trace_picture(image, card, fit=$fit, mechanism=$applied)
print(f"{card.id}, trained with {card.mechanism}, applied {trace.mechanism}")
for name in STAGES:
    stage = summarize(trace.stage(name))
    print(f"{name} {stage.shape}: min {stage.low:.3g}, mean {stage.mean:.3g}, max {stage.high:.3g}")
for head, logits in (("auxiliary", trace.aux_logits), ("perception", trace.logits)):
    classes = top_classes(logits, class_names(card), 3)
    print(f"{head}:", "; ".join(f"{label} {logit:.2f} ({p:.1%})" for label, logit, p in classes))
""",
    "mechanisms": """\
# The prediction of the perception head under each mechanism: the same weights, the map strength * M ** power.

path = $path
card = $card
image = abn.open_picture(Path(path).read_bytes())

attended = attend_image(image, card, fit=$fit)
as_trained = attended.predict(attended.attention)
applied_map = scale_map(attended.attention, strength=$strength, power=$power)
for mechanism in abn.MECHANISMS:
    effect = Effect(mechanism, applied_map, as_trained, attended.predict(applied_map, mechanism))
    label, p = class_names(card)[effect.after.argmax()], effect.after.max()
    print(f"trained with {card.mechanism}, applied {mechanism}: {label} {p:.1%}")
    print(f"change {100 * effect.change:+.1f} points, JS divergence {effect.js_divergence:.3f} bits")
""",
    "control maps": """\
# How the prediction changes when another map takes the place of M, under both mechanisms that apply a map.

path = $path
card = $card
image = abn.open_picture(Path(path).read_bytes())

attended = attend_image(image, card, fit=$fit)
for mechanism in ("multiplicative", "additive"):
    print(f"trained with {card.mechanism}, applied {mechanism}")
    effects = ablate_map(attended, lambda maps: attended.predict(np.stack(maps), mechanism), $edits)
    for edit, repeats in effects.items():
        mean = mean_effect(repeats)
        print(f"{edit}: change {100 * mean.change:+.1f} points, prediction changed in {mean.change_rate:.1%}")
""",
    "agreement of maps": """\
# Rank correlation, and overlap of the brightest 20 % of the cells, of each pair of maps.

path = $path
variants = $variants

for first, second in combinations(abn.explain(path, variants, fit=$fit), 2):
    maps = align_maps(first, second)
    print(f"{first.variant}, {second.variant}:")
    print(f"rank correlation {rank_correlation(*maps):.3f}, overlap {overlap(*maps, share=0.2):.3f}")
""",
    "preset": f"""\
# The prediction of the perception head with M, and with another map in its place.
{_EDIT.replace("EDITED", "PRESETS[$preset](attended.attention)")}""",
    "edited map": f"""\
# The prediction of the perception head with M, and with the edited map in its place.
{_EDIT.replace("EDITED", "np.load($file)  # saved by “Edited map (npy)”: copy it into this folder")}""",
    "covered image": """\
# The predictions of both heads before and after the cells marked with # are covered by the image's mean color.

path = $path
cards = $cards
image = abn.open_picture(Path(path).read_bytes())
rows = $cells
cells = np.array([list(row) for row in rows]) == "#"

before = abn.explain(image, cards, fit=$fit)
after = abn.explain(cover_cells(image, before[0].fitted, cells), cards, fit=$fit)
for first, second in zip(before, after):
    print(first.variant)
    for head in ("auxiliary", "perception"):
        (old,), (new,) = first.top(head, 1), second.top(head, 1)
        print(f"{head}: {old.label} {old.probability:.1%}, covered {new.label} {new.probability:.1%}")
""",
    "sensitivity": """\
# How the prediction changes when another map takes the place of M, under the mechanism of the training.

path = $path
cards = $cards
image = abn.open_picture(Path(path).read_bytes())

for card in cards:
    print(f"{card.id}, trained with and applied {card.mechanism}")
    for edit, effect in ablate_in_picture(image, card, fit=$fit).items():
        print(f"{edit}: change {100 * effect.change:+.1f} points, JS divergence {effect.js_divergence:.2f} bits")
""",
    "curves": """\
# The areas under the deletion and insertion curves: brightest cells first, and the mean of random orders.

path = $path
cards = $cards
image = abn.open_picture(Path(path).read_bytes())

for card in cards:
    attended = attend_image(image, card, fit=$fit)
    for kind in ("deletion", "insertion"):
        specs = curve_specs(kind, baseline=$baseline, steps=$steps, random_orders=$random_orders)
        curves = compare_curves([compute_curve(attended, card.input, spec) for spec in specs])
        print(f"{card.id}, {kind}: area {curves.bright.area:.3f}, random orders {curves.random_area:.3f},", end=" ")
        print(f"difference {curves.difference:+.3f}")
""",
    "taught map": """\
# How near M comes to the target maps: before teaching, taught, and in the control, which is taught without the maps.

paths = $paths
labels = $labels  # class numbers; None: both heads keep their predictions
targets = np.load($file)  # saved by “Target maps (npy)”: copy it into this folder
card = $card
images = [abn.open_picture(Path(path).read_bytes(), name=path) for path in paths]
examples = [Example(*parts) for parts in zip(images, targets, labels, strict=True)]
held_out = held_out_photos(card, {image.sha256 for image in images})

taught = teach_variant(
    card,
    examples,
    Settings(map_weight=$map_weight, kept_maps=$kept_maps, steps=$steps, learns=$learns),
    fit=$fit,
    held_out=[abn.open_picture(photo.path.read_bytes()) for photo in held_out],
)

for network in NETWORKS:
    own, other = (summarize_images(part, network) for part in (taught.report.examples, taught.report.held_out))
    print(f"{network}: distance {own.squared_distance:.3f}, rank correlation {own.rank_correlation:.2f},", end=" ")
    print(f"overlap {own.overlap:.2f}; change of M on {other.count} held-out images {other.map_change:.3f}")
for network, figures in (taught.report.labeled or {}).items():
    print(f"labeled photos, {network}: top-1 accuracy", end=" ")
    print(f"perception {figures['perception_top1']:.1%}, auxiliary {figures['auxiliary_top1']:.1%}")

# This line saves weights and model card in this folder, as taught.safetensors and taught.json:
# taught.save("taught", Path())
""",
}


def python_code(view: str, images: Sequence[str], variants: Sequence[str], **choices: object) -> str:
    """The program of one of `PROGRAMS` for images, given by their paths in the repository or by the names of a person's
    own files, and for the ids of variants. The programs on one image or on one variant take the first.

    `choices` are all else that a program depends on, such as `fit`: texts, numbers, or tuples of texts.
    """
    names = _own_names(variants)
    cards = [f'find_variant("{names[v]}", Path())' if v in names else f"find_variant({_literal(v)})" for v in variants]
    either = [card if v in names else _literal(v) for v, card in zip(variants, cards, strict=True)]
    values = {name: _literal(value) for name, value in choices.items()}
    values |= {"path": _literal(images[0]) + (YOUR_IMAGE if _is_yours(images[0]) else "")}
    values |= {"paths": _literal(tuple(images)) + (YOUR_IMAGES if any(map(_is_yours, images)) else "")}
    values |= {"card": cards[0], "cards": _list(cards), "variants": _list(either)}
    program = Template(PROGRAMS[view]).substitute(values)
    about, body = program.split("\n", 1)
    return "\n".join([about, HERE, *([YOUR_VARIANT] if names else []), *_imports(body), body])


def _is_yours(image: str) -> bool:
    """Whether an image is a person's own file, of which only the name is given."""
    return "/" not in image


def _own_names(variants: Sequence[str]) -> dict[str, str]:
    """Id → the name that stands for the files of a variant of a person's own, which no id tells."""
    own = [variant for variant in variants if is_own(variant)]
    return {variant: "my-variant" if k == 1 else f"my-variant-{k}" for k, variant in enumerate(own, 1)}


def _literal(value: object) -> str:
    """A value in Python, texts in double quotes where they hold none; in texts all that can't be seen is escaped."""
    if isinstance(value, tuple):
        return _list([_literal(item) for item in value])
    text = repr(value)
    return text if not isinstance(value, str) or '"' in text else f'"{text[1:-1]}"'


def _list(items: Sequence[str]) -> str:
    line = f"[{', '.join(items)}]"
    return line if len(line) <= 90 else "[\n" + "".join(f"    {item},\n" for item in items) + "]"


def _imports(body: str) -> list[str]:
    """The lines that import the names in a program."""
    read = {node.id for node in ast.walk(ast.parse(body)) if isinstance(node, ast.Name)}
    used = {line: [name for name in names if name in read] for line, names in IMPORTS.items()}
    return [f"{line} {', '.join(names)}" for line, names in used.items() if names]
