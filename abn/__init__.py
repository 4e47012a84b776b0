"""ABN Explorer: Attention Branch Networks that can be looked at, compared and questioned.

The names below are the public contract. torch is imported only when one of them needs it.
"""

from importlib import import_module
from typing import Any

from abn.errors import ABNError, BackboneError, CheckpointError, PictureError, VariantError

_HOMES = {
    "MECHANISMS": "abn.vocabulary",
    "AttentionBranchNetwork": "abn.network.model",
    "ABNOutput": "abn.network.model",
    "create_model": "abn.network.backbone",
    "Picture": "abn.images.decode",
    "open_picture": "abn.images.decode",
    "Explanation": "abn.explanations.explanation",
    "explain": "abn.explanations.explainer",
    "Card": "abn.variants.store",
    "list_variants": "abn.variants.store",
    "load_variant": "abn.variants.store",
    "convert_official": "abn.variants.authors",
}

__all__ = ["ABNError", "BackboneError", "CheckpointError", "PictureError", "VariantError", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'abn' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
