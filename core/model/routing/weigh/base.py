"""Weighers: from the scores of the selected to their weights."""

from __future__ import annotations

from torch import nn

from core.design.routing.weigh.base import WEIGH
from core.model.registry import Registry

#: The module is called with score_TK, the clean scores of the selected experts, and gives weight_TK.
WEIGHERS: Registry[nn.Module] = Registry(WEIGH)
