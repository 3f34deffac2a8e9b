"""The MoE layer: a router, groups of experts, shared experts, balancers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from core.design.base import Weight, field
from core.design.bodies.base import BODY, Body
from core.design.experts.base import EXPERT, Expert
from core.design.problems import Problem, Site
from core.design.routing.balance.base import BALANCE, Balancer
from core.design.routing.router import Router

MOST_EXPERTS = 4096


@BODY.register
class Moe(Body):
    """Routed `experts` in groups of one kind and width, `shared` experts for every token, one `router`.

    `islands` cuts the experts into equal partitions, in order. `shared_gate` weighs the shared output by a
    sigmoid of the token (Qwen2-MoE); `expert_scale` has one learned factor an expert (gemma-4);
    `output_bias` is one vector for the layer (JetMoE). `latent` is a width between two projections that all
    routed experts share, and at which they work (Nemotron 3); `latent_bias` shifts both.
    """

    bank = "experts"
    kind: Literal["moe"]
    experts: tuple[Annotated[Expert, EXPERT], ...] = field(min_length=1, max_length=256)
    shared: tuple[Annotated[Expert, EXPERT], ...] = field((), max_length=64)
    shared_gate: bool = field(False, advanced=True)
    expert_scale: bool = field(False, advanced=True)
    output_bias: bool = field(False, advanced=True)
    latent: int | None = field(None, ge=1, le=131_072, unit="width, empty: as the model", advanced=True)
    latent_bias: bool = field(False, advanced=True)
    islands: int = field(1, ge=1, le=4096, advanced=True)
    router: Router
    balance: tuple[Annotated[Balancer, BALANCE], ...] = field((), max_length=16)

    @property
    def count(self) -> int:
        """E, routed experts."""
        return sum(group.count for group in self.experts)

    @property
    def per_token(self) -> float:
        """K, experts a token gets on average."""
        return self.router.select.expected(self.count)

    def outer(self, width: int) -> int:
        """Width of what routed experts read and write."""
        return self.latent or width

    def widths(self) -> tuple[int, ...]:
        """H of each routed expert, in order."""
        return tuple(group.inner for group in self.experts for _ in range(group.count))

    def weights(self, width: int, tasks: int) -> Iterator[Weight]:
        yield from self.router.weights(width, self.count, tasks, self.islands)
        for group in self.experts:
            yield from group.weights(self.outer(width), "expert")
        for group in self.shared:
            yield from group.weights(width, "shared")
        yield from self._beside(width)
        for balancer in self.balance:
            yield from balancer.weights(self.count)
        if self.shared_gate:
            yield Weight(name="shared_gate.weight", shape=(1, width), role="shared")
        if self.expert_scale:
            yield Weight(name="expert_scale", shape=(self.count,), role="router", gemm=False)

    def _beside(self, width: int) -> Iterator[Weight]:
        """What every token of the layer meets besides router and shared experts."""
        if self.latent is not None:
            for name, shape in (("latent_in", (self.latent, width)), ("latent_out", (width, self.latent))):
                yield Weight(name=f"{name}.weight", shape=shape, role="shared")
                if self.latent_bias:
                    yield Weight(name=f"{name}.bias", shape=shape[:1], role="shared", gemm=False)
        if self.output_bias:
            yield Weight(name="output_bias", shape=(width,), role="shared", gemm=False)

    def rules(self, site: Site) -> Iterator[Problem]:
        if self.count > MOST_EXPERTS:
            fewer = [
                g.model_copy(update={"count": max(1, MOST_EXPERTS // len(self.experts))})
                for g in self.experts
            ]
            yield site.error(
                "experts-many",
                f"This layer has {self.count} experts; a router can address up to {MOST_EXPERTS}.",
                "To fix this, use fewer experts.",
                edits=(site.set("experts", fewer, label="Use fewer experts"),),
                at="experts",
            )
        if self.count % self.islands:
            near = max(i for i in range(1, self.islands + 1) if self.count % i == 0)
            yield site.error(
                "islands-divide",
                f"{self.count} experts cannot be cut into {self.islands} equal islands.",
                f"To fix this, use {near} islands.",
                edits=(site.set("islands", near, label=f"Use {near} islands"),),
                at="islands",
            )
        if self.shared_gate and not self.shared:
            yield site.error(
                "gate-without-shared",
                "A gate for shared experts stands here, and no shared expert.",
                "To fix this, remove the gate.",
                edits=(site.set("shared_gate", False, label="Remove the gate"),),
                at="shared_gate",
            )
        if self.latent is not None:
            edit = site.set("latent", None, label="Work at the model's width")
            yield site.not_built("A latent width of experts", "use the model's width", edit, at="latent")
        for name, what in (("expert_scale", "A factor per expert"), ("output_bias", "A bias of the layer")):
            if getattr(self, name):
                edit = site.set(name, False, label="Leave it out")
                yield site.not_built(what, "leave it out", edit, at=name)
