"""The router: one value on each axis, in the order in which they act."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from core.design.base import Spec, Weight, field
from core.design.problems import Problem, Site
from core.design.routing.combine.base import COMBINE, Combine
from core.design.routing.condition.base import CONDITION, Condition
from core.design.routing.modifier.base import MODIFIER, Modifier
from core.design.routing.score.base import SCORE, Score
from core.design.routing.select.base import SELECT, Select
from core.design.routing.uncertain import Broadcast
from core.design.routing.weigh.base import WEIGH, Weigh

Scope = Literal["token", "example", "task", "position", "batch"]
ScoreFunction = Literal["softmax", "sigmoid", "none"]


class Capacity(Spec):
    """At most `ceil(factor * K * T / E)` tokens an expert (arXiv 2101.03961).

    `order` keeps first choices before second ones, then earlier tokens; `score` keeps the best scores
    (batch-prioritised, arXiv 2106.05974). Overflowing choices are dropped, their weight goes nowhere.
    """

    train: float = field(1.25, gt=0, le=4096, unit="factor", symbol="c_f")
    eval: float = field(2.0, gt=0, le=4096, unit="factor")
    priority: Literal["order", "score"] = field("order")
    unit: Literal["tokens", "flops"] = field("tokens", advanced=True)

    def rules(self, site: Site) -> Iterator[Problem]:
        moe = site.moe
        if moe is None:
            return
        if moe.router.select.fewest(moe.count) != moe.router.select.most(moe.count):
            most = moe.router.select.most(moe.count)
            yield site.warning(
                "capacity-ragged",
                f"Capacity is computed for {most} experts a token, the most it may take."
                if moe.router.select.ragged
                else "Capacity follows the number of experts a token, which changes in training.",
            )
        if self.unit == "flops":
            edit = site.set("unit", "tokens", label="Count tokens")
            yield site.not_built("A capacity in FLOPs", "count tokens", edit, at="unit")


class RouterInput(Spec):
    """What the router reads: the part's input or the stream before its norm; a norm or scale of its own."""

    reads: Literal["part", "stream"] = field("part")
    norm: bool = field(False)
    scale: bool = field(False)

    def rules(self, site: Site) -> Iterator[Problem]:
        if self != RouterInput():
            edit = site.remove(label="Read the part's input")
            yield site.not_built("A router with an input of its own", "read the part's input", edit)


class Router(Spec):
    """Mask, noise, temperature, score function, selection bias, select, uncertain rule, accept, weigh,
    combine: in this order."""

    scope: Scope = field("token")
    condition: Annotated[Condition, CONDITION] | None = None
    score: Annotated[Score, SCORE]
    score_function: ScoreFunction = field("softmax")
    modifiers: tuple[Annotated[Modifier, MODIFIER], ...] = field((), max_length=8)
    select: Annotated[Select, SELECT]
    uncertain: Broadcast | None = None
    capacity: Capacity | None = None
    weigh: Annotated[Weigh, WEIGH]
    combine: Annotated[Combine, COMBINE]
    input: RouterInput = RouterInput()

    @property
    def learns(self) -> bool:
        """Whether the task's loss reaches what writes the logits: the score, or a condition's weights."""
        return self.score.learns or (self.condition is not None and any(self.condition.weights(1, 1, 2)))

    @property
    def whole_batch(self) -> bool:
        """Whether what a token gets once trained depends on the other examples of its batch."""
        pools = self.score.reads and self.scope not in ("token", "example")
        return pools or self.capacity is not None or self.select.exact(training=False)

    def computed(self, experts: int, training: bool = False) -> float:
        """Experts that compute a token on average, before a run says better and without dropping any.

        Trained, or over the whole training. Tokens that an uncertain rule sends to all are not foreseen.
        """
        select = self.select
        selected = select.while_training(experts) if training else select.expected(experts)
        return self.weigh.computed(selected, training)

    def weights(self, width: int, experts: int, tasks: int, islands: int = 1) -> Iterator[Weight]:
        """Parameters of the router of a layer of `experts` in `islands`."""
        outputs = self.combine.outputs(experts)
        yield from self.score.weights(width, outputs, islands)
        for modifier in self.modifiers:
            yield from modifier.weights()
        if self.condition is not None:
            yield from self.condition.weights(width, outputs, tasks)
        if self.input.norm:
            yield Weight(name="router_norm.weight", shape=(width,), role="norm", gemm=False)
        if self.input.scale:
            yield Weight(name="router_scale", shape=(width,), role="router", gemm=False)

    def rules(self, site: Site) -> Iterator[Problem]:
        if self.select.needs_distribution and self.score_function != "softmax":
            yield site.error(
                "needs-distribution",
                f"{self.select.kind} adds up probabilities, and {self.score_function} scores are none.",
                "To fix this, switch to softmax.",
                edits=(site.set("score_function", "softmax", label="Use softmax"),),
                at="score_function",
            )
        if self.score_function == "none" and self.weigh.divides:
            yield site.error(
                "renormalised-logits",
                "Logits may be negative and their sum near zero, so made to sum to one they are no weights.",
                "To fix this, switch to softmax or use raw weights.",
                edits=(
                    site.set("score_function", "softmax", label="Use softmax"),
                    site.set("weigh/kind", "raw", label="Use raw weights"),
                ),
                at="weigh",
            )
        if self.scope != "token":
            yield from self._scope_rules(site)

    def _scope_rules(self, site: Site) -> Iterator[Problem]:
        edit = site.set("scope", "token", label="Route each token")
        # A position stands in all examples at once; all other scopes pool earlier tokens with later ones.
        if self.scope != "position" and self.score.reads and site.causal:
            yield site.error(
                "looks-ahead",
                f"One decision for a whole {self.scope} looks at later tokens, so next-token loss"
                f" would be cheating.",
                "To fix this, route each token.",
                edits=(edit,),
                at="scope",
            )
        if self.scope == "task" and site.data is not None and not site.data.has_task_id:
            yield site.error(
                "no-tasks",
                f"This router decides per task, and the data set {site.data.name} names none.",
                "To fix this, choose data with several heads or tasks.",
                at="scope",
                stage="train",
            )
