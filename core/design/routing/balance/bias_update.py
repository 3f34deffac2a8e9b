"""Loss-free balancing: a selection-only bias nudged after every step (DeepSeek-V3, arXiv 2412.19437)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import field
from core.design.problems import Problem, Site
from core.design.routing.balance.base import BALANCE, Balancer


@BALANCE.register
class BiasUpdate(Balancer):
    """`b_e += step * sign(mean load - load_e)`. The bias is a buffer: no gradient, never in the weights."""

    trains_router = False
    kind: Literal["bias_update"]
    step: float = field(1e-3, ge=0, le=1, symbol=r"\gamma")

    def rules(self, site: Site) -> Iterator[Problem]:
        yield from super().rules(site)
        moe = site.moe
        if moe is None:
            return
        if moe.router.select.kind not in ("top_k", "group_top_k"):
            yield site.error(
                "bias-needs-top-k",
                "A selection bias steers which experts a token picks, so it needs top-k or group top-k.",
                "To fix this, remove the bias update.",
                edits=(site.remove(label="Remove the bias update"),),
            )
        strong = [b for b in moe.balance if b.kind == "load_balance" and getattr(b, "coefficient", 0) > 1e-3]
        if strong:
            yield site.warning(
                "two-balancers", "The load-balance loss and the bias update pull at the same load."
            )
