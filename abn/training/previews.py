"""A contact sheet of maps: a few pictures beside what the network makes of them, at one moment of its training."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from abn.images.fit import InputSpec, seen, upsample
from abn.network.model import ABNOutput, AttentionBranchNetwork
from abn.plots.color_maps import color_bar
from abn.plots.map_words import flat_sentence
from abn.plots.numbers import percent, short_label
from abn.plots.overlay import overlay
from abn.vocabulary import HEADS

SIDE = 144  # pixels of a picture on the sheet
ACROSS = 4  # pictures, each with its map beside it
MARGIN = 8  # pixels
FONT = 12  # pixels
BAR = 384  # pixels, so that its numbers are as large as the captions


@dataclass(frozen=True, eq=False)
class PreviewImages:
    """Pictures to look at again and again."""

    inputs: Tensor  # (P, 3, H, W) normalized
    labels: np.ndarray  # (P,) class
    numbers: np.ndarray  # (P,) which they are of their data set
    classes: Sequence[str]
    spec: InputSpec

    @property
    def ids(self) -> list[str]:
        named = zip(self.labels, self.numbers, strict=True)
        return [f"{short_label(self.classes[label])} {number}" for label, number in named]

    @property
    def drawings(self) -> list[Image.Image]:
        """The pictures as the network sees them, before they were normalized."""
        return [Image.fromarray(seen(one.numpy(), self.spec)) for one in self.inputs]


@torch.inference_mode()
def sheet(network: AttentionBranchNetwork, shown: PreviewImages, title: str) -> Image.Image:
    """Each picture, its attention map M over it (colors from 0 to 1), its class and what both heads say."""
    device = next(network.parameters()).device
    output = network(shown.inputs.to(device))
    line, text = round(1.35 * FONT), ImageFont.load_default(FONT)
    width, height = 2 * SIDE + MARGIN, SIDE + 4 * line + MARGIN
    rows = -(-len(shown.labels) // ACROSS)
    bar = color_bar(width=BAR)
    top = 3 * line
    drawn = Image.new(
        "RGB", (ACROSS * (width + MARGIN) + MARGIN, top + rows * height + bar.height + 2 * MARGIN), "white"
    )
    pen = ImageDraw.Draw(drawn)
    pen.text((MARGIN, MARGIN), title, font=text, fill="black")
    pen.text(
        (MARGIN, MARGIN + line),
        f"Each picture beside its attention map M; colors from 0 to 1. Trained with {network.mechanism}.",
        font=text,
        fill="black",
    )
    for i, picture in enumerate(shown.drawings):
        left, upper = MARGIN + i % ACROSS * (width + MARGIN), top + i // ACROSS * height
        values = output.attention[i, 0].float().cpu().numpy()
        image = picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        drawn.paste(image, (left, upper))
        drawn.paste(overlay(image, upsample(values, image.size)), (left + SIDE, upper))
        for row, caption in enumerate(_captions(output, i, values, shown)):
            pen.text((left, upper + SIDE + 2 + row * line), _cut(caption, text, width), font=text, fill="black")
    drawn.paste(bar, (MARGIN, drawn.height - bar.height - MARGIN))
    return drawn


def _captions(output: ABNOutput, i: int, values: np.ndarray, shown: PreviewImages) -> list[str]:
    lines = [f"It is {short_label(shown.classes[shown.labels[i]])}"]
    for head, logits in (("perception", output.logits), ("auxiliary", output.aux_logits)):
        probability, which = logits[i].float().softmax(0).max(0)
        lines.append(f"{HEADS[head]}: {short_label(shown.classes[int(which)])} {percent(float(probability))}")
    flat = flat_sentence(values)
    return [*lines, flat or f"M from {values.min():.3f} to {values.max():.3f}"]


def _cut(line: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    """The line, or as much of it as fits `width` pixels."""
    while font.getlength(line) > width:
        line = line[:-2] + "…"
    return line
