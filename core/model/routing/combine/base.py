"""Combiners: each knows the type of decision it turns into an output."""

from __future__ import annotations

from torch import nn

from core.design.routing.combine.base import COMBINE
from core.model.registry import Registry

#: A builder takes (spec, execution); the module is called with (bank, x_TD, decision) and gives y_TD.
COMBINERS: Registry[nn.Module] = Registry(COMBINE)
