"""Selectors: from what experts are ranked by to the ids of the chosen."""

from __future__ import annotations

from torch import nn

from core.design.routing.select.base import SELECT
from core.model.registry import Registry

#: The module is called with (ranking_TE, context) and gives selected_TK, ids by rank, -1 = none.
SELECTORS: Registry[nn.Module] = Registry(SELECT)
