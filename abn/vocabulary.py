"""The words that every room shares, each defined once; imports nothing heavy, so that no page waits for it."""

from dataclasses import dataclass

ADDITIVE, MULTIPLICATIVE, NONE = MECHANISMS = ("additive", "multiplicative", "none")
ATTENTION_MECHANISMS = (ADDITIVE, MULTIPLICATIVE)  # those that apply the map; "none" is their control
EQUATIONS = {ADDITIVE: "(1 + M) · g", MULTIPLICATIVE: "M · g", NONE: "g"}
TRAINED = "trained"  # the mechanism that the variant was trained with
MECHANISM_CHOICES = (TRAINED, *MECHANISMS)  # what may be applied to a variant
AS_TRAINED = "as trained"  # TRAINED on a page

PARTS = {
    "extractor": "feature extractor",
    "attention_branch": "attention branch",
    "perception_branch": "perception branch",
}
HEADS = {"auxiliary": "Auxiliary head", "perception": "Perception head"}

BASELINE, MATCHED = "baseline", "matched"  # the CNN without attention branch; one with as many parameters as with it
ARMS = (BASELINE, MATCHED, NONE, ADDITIVE, MULTIPLICATIVE)  # of the study


@dataclass(frozen=True)
class InputSpec:
    """A backbone's input, from its metadata."""

    size: int  # pixels, square
    crop_pct: float  # the part of the resized shortest side that the crop keeps, 0 to 1
    interpolation: str  # timm's name: "bicubic", "bilinear", …
    mean: tuple[float, float, float]  # of RGB in 0 to 1
    std: tuple[float, float, float]
