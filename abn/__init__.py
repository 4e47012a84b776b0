"""ABN Explorer: Attention Branch Networks that can be looked at, compared and questioned.

The names below are the public contract. torch is imported only when one of them needs it.
"""

from importlib import import_module
from typing import Any

from abn.errors import ABNError, BackboneError, CheckpointError, PictureError, VariantError

_HOMES = {
    "MECHANISMS": "abn.model",
    "AttentionBranchNetwork": "abn.model",
    "ABNOutput": "abn.model",
    "create_model": "abn.backbone",
    "Picture": "abn.picture",
    "open_picture": "abn.picture",
    "Explanation": "abn.explanation",
    "explain": "abn.explainer",
    "Card": "abn.variants",
    "list_variants": "abn.variants",
    "load_variant": "abn.variants",
    "convert_official": "abn.official",
}

__all__ = ["ABNError", "BackboneError", "CheckpointError", "PictureError", "VariantError", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'abn' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
