"""A contact sheet: a few images beside their attention maps, at one moment of a training."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from abn.images.fit import denormalize, upsample
from abn.network.model import ABNOutput, AttentionBranchNetwork
from abn.plots.color_maps import color_bar
from abn.plots.map_words import flat_sentence
from abn.plots.numbers import percent, short_label
from abn.plots.overlay import overlay
from abn.vocabulary import HEADS, InputSpec

SIDE = 144  # pixels of an image
COLUMNS = 4  # images, each with its map beside it
MARGIN = 8  # pixels
FONT = 12  # pixels
LINE = 16  # pixels
BAR_WIDTH = 384  # pixels, so that its numbers are as large as the captions


@dataclass(frozen=True, eq=False)
class PreviewImages:
    """Images whose maps are drawn after each epoch."""

    inputs: Tensor  # (P, 3, H, W) normalized
    labels: np.ndarray  # (P,) class
    indices: np.ndarray  # (P,) in their data set
    classes: Sequence[str]
    spec: InputSpec

    @property
    def ids(self) -> list[str]:
        pairs = zip(self.labels, self.indices, strict=True)
        return [f"{short_label(self.classes[label])} {index}" for label, index in pairs]

    @property
    def images(self) -> list[Image.Image]:
        """The images as the network gets them, before normalization."""
        return [Image.fromarray(denormalize(inputs.numpy(), self.spec)) for inputs in self.inputs]


@torch.inference_mode()
def contact_sheet(network: AttentionBranchNetwork, previews: PreviewImages, title: str) -> Image.Image:
    """Each image, its attention map M over it (colors from 0 to 1), its class and the predictions of both heads."""
    output = network(previews.inputs.to(next(network.parameters()).device))
    font, bar = ImageFont.load_default(FONT), color_bar(width=BAR_WIDTH)
    width, height, top = 2 * SIDE + MARGIN, SIDE + 4 * LINE + MARGIN, 3 * LINE
    rows = -(-len(previews.labels) // COLUMNS)
    sheet = Image.new(
        "RGB", (COLUMNS * (width + MARGIN) + MARGIN, top + rows * height + bar.height + 2 * MARGIN), "white"
    )
    draw = ImageDraw.Draw(sheet)
    subtitle = f"Each image beside its attention map M; colors from 0 to 1. Trained with {network.mechanism}."
    draw.multiline_text((MARGIN, MARGIN), f"{title}\n{subtitle}", font=font, fill="black")
    for i, preview in enumerate(previews.images):
        left, upper = MARGIN + i % COLUMNS * (width + MARGIN), top + i // COLUMNS * height
        attention = output.attention[i, 0].float().cpu().numpy()
        image = preview.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        sheet.paste(image, (left, upper))
        sheet.paste(overlay(image, upsample(attention, image.size)), (left + SIDE, upper))
        for row, line in enumerate(_captions(output, i, attention, previews)):
            draw.text((left, upper + SIDE + 2 + row * LINE), _shorten(line, font, width), font=font, fill="black")
    sheet.paste(bar, (MARGIN, sheet.height - bar.height - MARGIN))
    return sheet


def _captions(output: ABNOutput, i: int, attention: np.ndarray, previews: PreviewImages) -> Iterator[str]:
    yield f"It is {short_label(previews.classes[previews.labels[i]])}"
    for head, logits in (("perception", output.logits), ("auxiliary", output.aux_logits)):
        probability, predicted = logits[i].float().softmax(0).max(0)
        yield f"{HEADS[head]}: {short_label(previews.classes[int(predicted)])} {percent(float(probability))}"
    yield flat_sentence(attention) or f"M from {attention.min():.3f} to {attention.max():.3f}"


def _shorten(line: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """The line, or as much of it as fits `width` pixels."""
    while font.getlength(line) > width:
        line = line[:-2] + "…"
    return line
