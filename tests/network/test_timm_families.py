"""Every convolutional family of timm makes an Attention Branch Network; docs/backbones.md lists the results.

The families are the table's own: a family that timm adds is missing here. The smallest model of each is tried again,
up to a size that the tests have time for: one of each kind of architecture with the slow tests, the rest at night. The
larger ones are tried by `python -m tests.timm_families`.
"""

from pathlib import Path

import pytest
import timm
import timm_families
import torch
from timm_families import Trial, families, table, try_model
from torch import nn

from abn.network.backbone import create_model

TABLE = Path(__file__).parents[2] / "docs" / "backbones.md"
torch.set_num_threads(1)

# one of each kind: concatenations, splits, several resolutions, ghost and depthwise convolutions, NHWC, no batch norms,
# branches merged for inference, and attention beside convolutions
KINDS = """
cs3darknet_focus_s densenetblur121d dla46x_c dpn48b edgenext_xx_small tf_efficientnetv2_b0 fastvit_t8 ghostnetv2_100
hrnet_w18_small convnextv2_atto mambaout_femto mixnet_s mobilevitv2_050 nf_regnet_b0 poolformer_s12 repvgg_a0 resnest14d
resnet10t visformer_tiny
""".split()
# of each family the smallest model; convolutions in all of them, beside attention in a few
TRIED = """
bat_resnext26ts cs3darknet_focus_s cspresnet50 darknet17 densenet121 densenetblur121d dla46x_c dpn48b
eca_resnext26ts ecaresnet26t edgenext_xx_small efficientnet_lite0 tf_efficientnet_lite0 tf_efficientnetv2_b0
ese_vovnet19b_slim_dw fasternet_t0 fastvit_t8 fbnetc_100 fbnetv3_b gcresnext26ts gernet_s ghostnet_050 ghostnetv2_100
hardcorenas_b hgnetv2_b0 hrnet_w18_small inception_next_atto convnext_zepto_rms convnextv2_atto
lcnet_035 lcnetv2_small legacy_seresnet18 legacy_xception lowformer_b0 mambaout_femto mixnet_s tf_mixnet_s mnasnet_small
mobilenet_edgetpu_100 mobilenetv1_100 mobilenetv2_035 mobilenetv3_small_050 tf_mobilenetv3_small_075
mobilenetv4_conv_small_035 mobileone_s1 mobilevit_xxs mobilevitv2_050 nf_regnet_b0 nf_resnet26 poolformer_s12
regnetx_002 regnety_002 regnetz_005 repghostnet_050 repvgg_a0 repvit_m1 resnest14d resnet10t resnetblur18 resnetv2_18
resnext26ts rexnet_100 rexnetr_100 selecsls42 semnasnet_050 seresnet18 seresnext26t_32x4d shvit_s1 skresnet18
spnasnet_100 starnet_s050 swiftformer_xs tinynet_e visformer_tiny
""".split()
# keeps tokens and no maps, all the way or as soon as its stem is through
TOKENS = """
beit cait coat convit crossvit deit eva gemma4_vit hiera hieradet_sam2 mlp_mixer naflexvit pit tnt vision_transformer
vision_transformer_hybrid vision_transformer_relpos vision_transformer_sam vitamin volo xcit
""".split()


def lines() -> dict[str, str]:
    """The rows of docs/backbones.md by family."""
    rows = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    return {line.split(" | ")[0].removeprefix("| "): line for line in rows if "/" in line.split(" | ")[0]}


def made(line: str) -> bool:
    return line.count(" | ") > 2  # the other tables have a reason in their third column


@pytest.mark.parametrize(
    "model",
    [pytest.param(model, marks=pytest.mark.slow if model in KINDS else pytest.mark.nightly) for model in TRIED],
)
def test_a_family_keeps_every_promise_and_the_table_tells_of_it(model):
    trial = try_model(model)
    assert not trial.refused and not trial.broken
    family = next(family for family, line in lines().items() if f" | {model} | " in line)
    assert lines()[family] == trial.row(family)


def test_all_families_are_in_the_table_and_only_what_keeps_tokens_is_refused():
    assert len(TRIED) >= 60 and set(KINDS) <= set(TRIED)
    assert set(lines()) == set(families())
    refused = {family.split("/")[0] for family, line in lines().items() if not made(line)}
    assert refused <= set(TOKENS)
    assert "promise broken" not in TABLE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "model",
    [
        "vit_tiny_patch16_224",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("coat_tiny", "vit_tiny_r_s16_p8_224")),
    ],
)
def test_what_keeps_tokens_is_told_what_would_work(model):
    assert "tokens" in try_model(model).refused and "resnet" in try_model(model).refused


def test_families_are_modules_and_leading_words():
    result = {model: family for family, models in families().items() for model in models}
    assert result["resnet18"] == "resnet/resnet" and result["wide_resnet50_2"] == "resnet/wide_resnet"
    assert result["seresnext26t_32x4d"] == "resnet/seresnext" and result["res2net50_14w_8s"] == "res2net/res2net"
    assert result["tf_efficientnetv2_b0"] == "efficientnet/tf_efficientnetv2"
    assert result["convnextv2_atto"] == "convnext/convnextv2" and result["cs3darknet_focus_s"] == "cspnet/cs3darknet"
    assert set(result) == {model for model in timm.list_models() if not model.startswith("test_")}


@pytest.mark.parametrize("model", ["resnet18", "regnety_002"])
def test_parameters_are_counted_without_weights(model):
    assert timm_families.parameters(model) == sum(p.numel() for p in timm.create_model(model).parameters())


def test_what_is_too_large_is_left_aside(monkeypatch):
    monkeypatch.setattr(timm_families, "LARGEST", 1e6)
    assert try_model("resnet18").refused == "not tried: 12 M parameters"


def test_a_broken_promise_is_seen(monkeypatch):
    class Harmful(nn.Module):
        """Counts on in place: neither the backbone nor twice the same."""

        def forward(self, features):
            return features.add_(1).mean((1, 2, 3))[:, None].expand(-1, timm_families.CLASSES)

    def harmed(*args, **options):
        network = create_model(*args, **options)
        network.attention_branch.map_head.requires_grad_(False)
        network.perception_branch = Harmful()
        return network

    monkeypatch.setattr(timm_families, "create_model", harmed)
    broken = try_model("resnet10t").broken
    assert "the halves are not exactly the backbone" in broken
    assert "perceive is not the forward pass (none)" in broken
    assert "the forward pass alters g(x) (additive)" in broken
    assert "no gradient in attention_branch.map_head.weight" in broken


def test_the_table_is_made_of_the_trials():
    trials = [
        Trial("one", cells=("224 px", "`add`", "8 × 14 × 14", "14 × 14", "copy", "any")),
        Trial("two", cells=("64 px", "`mix`", "8 × 7 × 7, NHWC", "7 × 7", "residual", "its own")),
        Trial("three", refused="It can't be cut."),
        Trial("four", broken=("the map is flat or saturated",)),
    ]
    text = table(list(zip(("a/a", "b/b", "c/c", "d/d"), trials, strict=True)))
    assert "| a/a | one | 224 px | `add` | 8 × 14 × 14 | 14 × 14 | copy | any |" in text
    assert "| c/c | three | It can't be cut. |" in text
    assert "## Made, with a promise broken" in text and "| d/d | four | the map is flat or saturated |" in text
    assert "2 of 4 make an" in " ".join(text.split()) and "(1 of 2)" in text


def test_the_command_prints_the_table_of_the_models_named(capsys):
    assert timm_families.main(["resnet10t", "resnet18x"]) == 0
    out = capsys.readouterr().out
    assert "|  | resnet10t | 176 px | " in out and "|  | resnet18x | timm has no backbone named 'resnet18x'" in out
