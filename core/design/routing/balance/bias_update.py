"""Loss-free balancing: a selection-only bias nudged after every step (DeepSeek-V3, arXiv 2412.19437)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Weight, field
from core.design.problems import Problem, Site
from core.design.routing.balance.base import BALANCE, Balancer


@BALANCE.register
class BiasUpdate(Balancer):
    """`b_e += step * sign(mean load - load_e)`. The bias is a buffer: no gradient, never in the weights,
    unless it is `counted` among them (ERNIE 4.5 stores it as a parameter that nothing trains)."""

    trains_router = False
    evens = True
    steers = True
    kind: Literal["bias_update"]
    step: float = field(1e-3, ge=0, le=1, symbol=r"\gamma")
    counted: bool = field(False, advanced=True)

    def weights(self, experts: int) -> Iterator[Weight]:
        if self.counted:
            yield Weight(name="selection_bias", shape=(experts,), role="router", gemm=False)

    def rules(self, site: Site) -> Iterator[Problem]:
        yield from super().rules(site)
        if self.counted:
            edit = site.set("counted", False, label="Keep it as a buffer")
            yield site.not_built(
                "A selection bias among the weights", "keep it as a buffer", edit, at="counted"
            )
        moe = site.moe
        if moe is None:
            return
        if not moe.router.select.steered:
            yield site.error(
                "bias-needs-top-k",
                "A selection bias steers which experts a token picks, so it needs top-k or group top-k.",
                "To fix this, remove the bias update.",
                edits=(site.remove(label="Remove the bias update"),),
            )
        strong = [b for b in moe.balance if b.evens and getattr(b, "coefficient", 0) > 1e-3]
        if strong:
            yield site.warning(
                "two-balancers", "The load-balance loss and the bias update pull at the same load."
            )
