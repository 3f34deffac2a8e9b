"""Scores: modules from [T, D] to logits [T, E]."""

from __future__ import annotations

from torch import nn

from core.design.routing.score.base import SCORE
from core.model.registry import Registry

#: A builder takes (spec, width, experts); the module is called with (x_TD, context), both in float32.
SCORES: Registry[nn.Module] = Registry(SCORE)
