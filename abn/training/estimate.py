"""What a training would cost, by calculation: FLOPs are counted on the network, the rest is stated and assumed.

A backward pass takes about twice the FLOPs of the forward pass, as it computes two products of the same size for each
one: so a training step takes about three times what an answer takes. How much of a GPU's peak a training reaches is
not known before it is tried; a range says so.
"""

from dataclasses import dataclass

from abn.errors import ABNError
from abn.network.backbone import create_model, input_spec
from abn.network.complexity import count_flops

BACKWARD = 2  # times the FLOPs of a forward pass
IMAGENET_PICTURES = 1_281_167  # to train with, ILSVRC 2012


@dataclass(frozen=True)
class Estimate:
    """A training, counted."""

    backbone: str
    mechanism: str
    classes: int
    size: int  # pixels
    pictures: int
    epochs: float
    forward: int  # FLOPs of one picture, multiply and add counted as two
    plain: int  # those without the attention branch

    @property
    def total(self) -> float:
        """FLOPs of the whole training; measuring it on validation pictures comes on top, a percent or two."""
        return (1 + BACKWARD) * self.forward * self.pictures * self.epochs

    def gpu_hours(self, peak: float, utilization: float) -> float:
        """On GPUs of `peak` FLOP/s of which the training gets the share `utilization`."""
        return self.total / (peak * utilization) / 3600


def estimate(
    backbone: str, mechanism: str, *, classes: int, pictures: int, epochs: float, size: int | None = None
) -> Estimate:
    """Count the FLOPs of a network with random weights."""
    if min(pictures, epochs) <= 0 or (size is not None and size < 16):
        raise ABNError("Pictures and epochs must be more than nothing, and an input 16 pixels or more.")
    size = size or input_spec(backbone).size
    counted = count_flops(create_model(backbone, num_classes=classes, mechanism=mechanism, seed=0), size)
    forward = sum(counted.values())
    plain = forward - counted["attention_branch"]
    return Estimate(backbone, mechanism, classes, size, pictures, epochs, forward, plain)


def table(found: Estimate, *, gpus: int, peak: float, utilizations: tuple[float, ...]) -> str:
    """The estimate in Markdown, with its assumptions: `peak` FLOP/s of a GPU, and shares of it that are reached."""
    if min(gpus, peak, *utilizations) <= 0 or max(utilizations) > 1:
        raise ABNError("GPUs and their peak must be more than nothing, and the share of it that is used 1 at most.")
    lines = [
        f"| ABN of {found.backbone}, {found.mechanism}, {found.classes} classes, {found.size} px | |",
        "|---|---|",
        f"| forward pass of one picture | {found.forward / 1e9:.2f} GFLOPs, "
        f"{found.forward / found.plain:.2f} times the plain backbone's {found.plain / 1e9:.2f} |",
        f"| training step, {1 + BACKWARD} × forward | {(1 + BACKWARD) * found.forward / 1e9:.1f} GFLOPs a picture |",
        f"| {found.pictures:,} pictures × {found.epochs:g} epochs | {found.total:.2e} FLOPs |",
    ]
    for share in utilizations:
        hours = found.gpu_hours(peak, share)
        speed = peak * share / ((1 + BACKWARD) * found.forward)
        lines.append(
            f"| at {100 * share:g} % of {peak / 1e12:g} TFLOP/s | {hours:.0f} GPU hours, {hours / gpus:.1f} hours on "
            f"{gpus} GPUs; {speed:.0f} images/s on each |"
        )
    return "\n".join(lines)
