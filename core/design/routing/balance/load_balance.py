"""The load-balance loss of token choice (Switch, arXiv 2101.03961), normalised to a minimum of 1."""

from __future__ import annotations

from typing import Literal

from core.design.base import field
from core.design.routing.balance.base import BALANCE, Balancer


@BALANCE.register
class LoadBalance(Balancer):
    """`E * sum_e f_e * P_e`: f shares of selections (no gradient), P mean scores; both sum to one.

    `choices` first counts only first choices (GShard). `per` island balances islands, per sequence each
    example.
    """

    evens = True
    kind: Literal["load_balance"]
    coefficient: float = field(0.01, ge=0, le=100, symbol=r"\alpha")
    per: Literal["batch", "sequence", "island"] = field("batch", advanced=True)
    choices: Literal["all", "first"] = field("all", advanced=True)
