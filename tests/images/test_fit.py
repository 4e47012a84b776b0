"""The crop that timm makes, to the pixel; squash and pad; and the exact way back to the original."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from abn.errors import PictureError
from abn.images import fit
from abn.images.decode import Picture
from abn.images.fit import FITS, Fitted, denormalize, fit_picture, upsample
from abn.vocabulary import InputSpec

LITE0 = InputSpec(size=224, crop_pct=0.875, interpolation="bicubic", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
IMAGENET = InputSpec(
    size=224, crop_pct=0.95, interpolation="bicubic", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
)
SMALL = InputSpec(size=32, crop_pct=0.875, interpolation="bilinear", mean=(0.25, 0.5, 0.75), std=(0.2, 0.3, 0.4))
RED = (255, 0, 0)


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def as_picture(image: Image.Image) -> Picture:
    return Picture(image, "", "picture")


SIZES = [(300, 200), (224, 224), (255, 257), (333, 1000), (37, 91), (1, 1), (1, 9), (857, 858)]


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "resnet50"])
def test_crop_is_the_backbones_own_evaluation_to_the_pixel(name):
    timm = pytest.importorskip("timm")
    card = SimpleNamespace(pretrained_cfg=timm.get_pretrained_cfg(name).to_dict())  # all that timm reads of a model
    config = timm.data.resolve_model_data_config(card)
    transform = timm.data.create_transform(**config)
    spec = InputSpec(
        size=config["input_size"][-1],
        crop_pct=config["crop_pct"],
        interpolation=config["interpolation"],
        mean=config["mean"],
        std=config["std"],
    )
    if name == "tf_efficientnet_lite0":
        assert spec == LITE0
    for seed, (width, height) in enumerate(SIZES):
        image = noise(width, height, seed)
        fitted = fit_picture(as_picture(image), spec)
        resized_and_cropped = image
        for step in transform.transforms[:2]:
            resized_and_cropped = step(resized_and_cropped)
        assert np.array_equal(np.asarray(fitted.image), np.asarray(resized_and_cropped)), (width, height)
        assert np.array_equal(fitted.normalized(spec), transform(image).numpy()), (width, height)


def test_crop_pads_with_black_where_the_crop_is_wider_than_the_picture(monkeypatch):
    transforms = pytest.importorskip("torchvision.transforms")
    spec = InputSpec(size=32, crop_pct=1.28, interpolation="bilinear", mean=SMALL.mean, std=SMALL.std)
    for size in ((40, 30), (30, 41), (100, 10), (10, 100)):
        image = noise(*size)
        expected = transforms.CenterCrop(32)(transforms.Resize(25)(image))
        fitted = fit_picture(as_picture(image), spec)
        assert np.array_equal(np.asarray(fitted.image), np.asarray(expected))
        assert fitted.to_original(np.ones((4, 4)))[size[1] // 2, size[0] // 2] == 1
        monkeypatch.setattr(fit, "MAX_RESIZED", 0)  # the way of the strips
        frugal = fit_picture(as_picture(image), spec)
        assert np.abs(np.asarray(frugal.image).astype(int) - np.asarray(expected)).max() <= 2
        monkeypatch.undo()


@pytest.mark.parametrize("size", [(1, 5000), (4001, 3)])
def test_strips_cost_no_more_than_the_window_and_look_the_same(size, monkeypatch):
    x, y = np.arange(size[0]), np.arange(size[1])
    wave = 127 + 60 * np.sin(x / 5)[None, :, None] + 60 * np.cos(y / 5 + np.arange(3)[:, None]).T[:, None]
    image = Image.fromarray(wave.astype(np.uint8))
    plain = fit_picture(as_picture(image), SMALL)
    monkeypatch.setattr(fit, "MAX_RESIZED", 0)
    frugal = fit_picture(as_picture(image), SMALL)
    assert (frugal.scale, frugal.offset, frugal.visible) == (plain.scale, plain.offset, plain.visible)
    assert np.abs(np.asarray(frugal.image).astype(int) - np.asarray(plain.image)).max() <= 2
    assert np.asarray(frugal.image).std() > 5  # a picture, not a plain ground


@pytest.mark.parametrize("size", [(1, 60_000), (60_000, 25)])
@pytest.mark.parametrize("fit", FITS)
def test_the_longest_strips_fit_soon(size, fit):
    image = Image.new("RGB", size, RED)
    fitted = fit_picture(as_picture(image), LITE0, fit)
    red = (np.asarray(fitted.image) == RED).all(-1)
    assert red.shape == (224, 224) and red.sum() == (224 if fit == "pad" else 224 * 224)


def test_squash_and_pad_geometry():
    image = noise(300, 150)
    squashed = fit_picture(as_picture(image), LITE0, "squash")
    assert np.array_equal(np.asarray(squashed.image), np.asarray(image.resize((224, 224), Image.Resampling.BICUBIC)))
    assert squashed.scale == (300 / 224, 150 / 224) and squashed.offset == (0, 0)
    assert squashed.visible == (0, 0, 300, 150)

    padded = fit_picture(as_picture(image), SMALL, "pad")
    assert np.array_equal(np.asarray(padded.image)[8:24], np.asarray(image.resize((32, 16), Image.Resampling.BILINEAR)))
    ground = np.concatenate([np.asarray(padded.image)[:8], np.asarray(padded.image)[24:]])
    assert (ground == (64, 128, 191)).all()  # SMALL's mean color
    assert padded.offset == (0, -8 * 150 / 16) and padded.visible == (0, 0, 300, 150)


def test_crop_geometry():
    fitted = fit_picture(as_picture(noise(512, 256)), LITE0)
    assert fitted.scale == (1, 1) and fitted.offset == (144, 16) and fitted.visible == (144, 16, 368, 240)
    assert fitted.original_size == (512, 256) and fitted.fit == "crop"


def test_an_unknown_fit_is_refused():
    with pytest.raises(PictureError, match="crop, squash, pad"):
        fit_picture(as_picture(noise(2, 2)), SMALL, "stretch")


@pytest.mark.parametrize("spec", [LITE0, IMAGENET])
def test_normalized_and_seen_are_each_others_inverse(spec):
    fitted = fit_picture(as_picture(noise(90, 70)), spec)
    tensor = fitted.normalized(spec)
    assert tensor.dtype == np.float32 and tensor.shape == (3, spec.size, spec.size) and tensor.flags.c_contiguous
    expected = (np.asarray(fitted.image)[5, 9] / 255 - spec.mean) / spec.std
    assert np.allclose(tensor[:, 5, 9], expected, atol=1e-6)
    assert denormalize(tensor, spec).dtype == np.uint8
    assert np.array_equal(denormalize(tensor, spec), np.asarray(fitted.image))


# ------------------------------------------------------------------------------------------------------- the way back


def test_upsample_is_torchs_bilinear_without_aligned_corners():
    torch = pytest.importorskip("torch")
    values = np.random.default_rng(0).random((14, 9)).astype(np.float32)
    for width, height in ((224, 224), (9, 14), (100, 37)):
        expected = torch.nn.functional.interpolate(
            torch.from_numpy(values)[None, None], size=(height, width), mode="bilinear", align_corners=False
        )
        result = upsample(values, (width, height))
        assert result.dtype == np.float32 and result.flags.c_contiguous
        assert np.allclose(result, expected[0, 0].numpy(), atol=1e-5)
    assert np.array_equal(upsample(values, (9, 14)), values)


def test_upsample_in_blocks():
    values = np.array([[0, 1], [2, 3]], np.float32)
    assert np.array_equal(upsample(values, (4, 6), smooth=False), np.kron(values, np.ones((3, 2))))


def test_a_map_must_be_a_map():
    for values in (np.zeros(4), np.zeros((1, 2, 2)), np.zeros((0, 3))):
        with pytest.raises(ValueError, match="h, w"):
            upsample(values, (4, 4))


sides = st.integers(1, 400)


@settings(max_examples=50, deadline=None)
@given(
    width=sides,
    height=sides,
    fit=st.sampled_from(FITS),
    cells=st.integers(1, 20),
    crop_pct=st.sampled_from([0.875, 0.95, 1.0]),
    smooth=st.booleans(),
    value=st.floats(-3, 3, width=32),
)
def test_a_constant_map_comes_back_constant_and_only_where_the_model_saw(
    width, height, fit, cells, crop_pct, smooth, value
):
    spec = InputSpec(size=32, crop_pct=crop_pct, interpolation="bilinear", mean=SMALL.mean, std=SMALL.std)
    fitted = fit_picture(as_picture(Image.new("RGB", (width, height))), spec, fit)
    laid = fitted.to_original(np.full((cells, cells), value), smooth=smooth)
    assert laid.shape == (height, width) and laid.dtype == np.float32
    left, top, right, bottom = fitted.visible
    assert 0 <= left < right <= width and 0 <= top < bottom <= height
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    surely_in = ((x > left + 1e-6) & (x < right - 1e-6))[None] & ((y > top + 1e-6) & (y < bottom - 1e-6))[:, None]
    surely_out = ((x < left - 1e-6) | (x > right + 1e-6))[None] | ((y < top - 1e-6) | (y > bottom + 1e-6))[:, None]
    assert (laid[surely_in] == np.float32(value)).all() and np.isnan(laid[surely_out]).all()
    if fit != "crop":
        assert not np.isnan(laid).any()


@settings(max_examples=50, deadline=None)
@given(width=sides, height=sides, fit=st.sampled_from(FITS))
def test_ramps_over_the_input_come_back_as_the_affine_map_says(width, height, fit):
    fitted = fit_picture(as_picture(Image.new("RGB", (width, height))), SMALL, fit)
    centers = np.arange(32) + 0.5
    x_ramp, y_ramp = np.meshgrid(centers, centers)  # each input pixel holds its own position
    for ramp, axis in ((x_ramp, 0), (y_ramp, 1)):
        laid = fitted.to_original(ramp)
        position = np.arange((width, height)[axis]) + 0.5
        expected = ((position - fitted.offset[axis]) / fitted.scale[axis]).clip(0.5, 31.5)  # the edge is held
        expected = np.broadcast_to(expected[None] if axis == 0 else expected[:, None], laid.shape)
        there = ~np.isnan(laid)
        assert (there.any() or min(width, height) == 1) and np.allclose(laid[there], expected[there], atol=1e-4)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize(
    ("size", "spot"),
    [
        ((300, 200), (170, 80)),
        ((200, 300), (90, 190)),
    ],
)
def test_a_marked_spot_seen_by_the_model_comes_back_to_where_it_was(fit, size, spot):
    """The whole loop with real pixels: draw a blob, fit, lay the input's own brightness back, compare where it is."""
    width, height = size
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    blob = 250 * np.exp(-((x - spot[0]) ** 2 + (y - spot[1]) ** 2) / (2 * (min(size) / 14) ** 2))
    image = Image.fromarray(np.repeat(blob[..., None], 3, 2).astype(np.uint8))
    spec = InputSpec(size=224, crop_pct=0.875, interpolation="bicubic", mean=(0, 0, 0), std=(1, 1, 1))
    fitted = fit_picture(as_picture(image), spec, fit)
    laid = np.nan_to_num(fitted.to_original(fitted.normalized(spec)[0]))
    weight = laid / laid.sum()
    assert math.hypot((weight * x).sum() - spot[0], (weight * y).sum() - spot[1]) < 0.6
    inside = laid > 0
    assert np.abs(laid[inside] * 255 - blob[inside]).max() < 12


@pytest.mark.parametrize("fit", FITS)
def test_back_at_a_displays_size_agrees_with_the_full_original(fit):
    fitted = fit_picture(as_picture(noise(300, 180)), SMALL, fit)
    values = np.random.default_rng(1).random((4, 4))
    full, third = fitted.to_original(values), fitted.to_original(values, size=(100, 60))
    assert third.shape == (60, 100)
    assert np.allclose(full[1::3, 1::3], third, equal_nan=True)  # the middles of every three pixels


def test_back_needs_no_pixels_of_the_original():
    fitted = Fitted(Image.new("RGB", (32, 32)), "squash", (4, 2), (4 / 32, 2 / 32), (0.0, 0.0))
    values = np.array([[0.0, 1.0]])
    assert np.allclose(fitted.to_original(values), [[0, 0.25, 0.75, 1]] * 2)
    assert np.array_equal(fitted.to_original(values, smooth=False), [[0, 0, 1, 1]] * 2)


def test_the_extent_is_where_the_input_lies_on_the_original():
    spec = InputSpec(32, 1.0, "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    wide = Picture(Image.new("RGB", (200, 100)), "", "wide")
    assert fit_picture(wide, spec, "squash").extent == pytest.approx((0, 0, 1, 1))
    assert fit_picture(wide, spec, "crop").extent == pytest.approx((0.25, 0, 0.75, 1))
    assert fit_picture(wide, spec, "pad").extent == pytest.approx((0, -0.5, 1, 1.5))
