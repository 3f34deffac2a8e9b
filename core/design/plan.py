"""Plan: how a design is trained. Resolved once before step 0, then stored with the run."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

from pydantic.json_schema import SkipJsonSchema

from core.design.base import Choice, Spec, field
from core.design.canonical import canonical_json
from core.design.tasks.base import Task

OBJECTIVE = Choice("objective")
#: What a run takes over from the one it starts from.
Taken = Literal["everything", "routers"]

#: How the experts that a token is sent to are run. A plan names one for all layers, or one for each routed
#: part by its path (`decoder.0.1`), of which those it leaves out are sparse.
Way = Literal["sparse", "ragged", "grouped", "numpy", "compiled"]


class Objective(Spec):
    """Base: how losses become one number to minimise."""

    kind: str

    def passes(self, task: Task) -> int:
        """How often a step sends its whole batch through the model, forward and backward."""
        return 1


@OBJECTIVE.register
class Single(Objective):
    """One forward pass, all heads by weight, plus the balancers."""

    kind: Literal["single"] = "single"


@OBJECTIVE.register
class TwoPassConsistency(Objective):
    """Two random passes and the divergence between them (THOR, arXiv 2110.04260)."""

    kind: Literal["two_pass_consistency"]
    strength: float = field(
        5.0,
        ge=0,
        le=100,
        symbol=r"\alpha",
        description="weight of the divergence beside the task's loss: more makes the passes agree sooner",
    )

    def passes(self, task: Task) -> int:
        return 2


@OBJECTIVE.register
class PerTaskAccumulate(Objective):
    """One backward pass for each task, gradients added (M3ViT, arXiv 2210.14793)."""

    kind: Literal["per_task_accumulate"]

    def passes(self, task: Task) -> int:
        # Tasks that are heads share all examples; else each example has a task and goes through once.
        names = task.task_names
        return len(names) if set(names) == {head.name for head in task.heads_out} else 1


class Optimizer(Spec):
    """AdamW with warm-up, cosine decay and gradient clipping."""

    kind: Literal["adamw"] = "adamw"
    rate: float = field(3e-3, gt=0, le=10, unit="peak learning rate", symbol=r"\eta")
    warmup: float = field(0.05, ge=0, le=1, unit="share of the steps")
    floor: float = field(0.05, ge=0, le=1, unit="share of the peak at the end", advanced=True)
    beta1: float = field(0.9, ge=0, lt=1, advanced=True, symbol=r"\beta_1")
    beta2: float = field(0.99, ge=0, lt=1, advanced=True, symbol=r"\beta_2")
    epsilon: float = field(1e-8, gt=0, le=1, advanced=True, symbol=r"\epsilon")
    weight_decay: float = field(0.1, ge=0, le=10, advanced=True)
    clip: float = field(1.0, ge=0, le=1e6, unit="gradient norm, 0 = off", advanced=True)


class Plan(Spec):
    """Everything about training that is not the design and not the data.

    One of `steps` and `seconds` is the length; a time budget becomes a step count when the plan is resolved.
    `threads`, `execution` and `expert_dtype` are fixed then too. `start_with` is what is taken over from the
    run `start_from`: all weights, or the routers alone, whose experts then begin anew.

    `mixture` weighs domains by name; `sampling` T weighs them by size^(1/T) instead: 1 is in proportion to
    their size, more is more even (arXiv 1907.05019). At the end the routing of `trace_tokens` held-out
    tokens is written down, and that of the first few of them `small_traces` times on the way. `freeze` names
    parameters that stay as they are once `freeze_after` of the steps are done.
    """

    schema_version: Literal[1] = 1
    data: str = field("text", min_length=1, max_length=400)
    mixture: dict[str, float] = field({}, form="mixture", advanced=True)
    sampling: float | None = field(
        None, ge=1, le=1000, unit="temperature, empty: as the data has it", advanced=True
    )
    steps: int | None = field(None, ge=0, le=10_000_000, unit="steps")
    seconds: float | None = field(None, gt=0, le=604_800, unit="s")
    batch: int = field(32, ge=1, le=65_536, unit="examples", symbol="B")
    context: int | None = field(
        None, ge=1, le=8192, unit="tokens of an example while training", advanced=True
    )
    optimizer: Optimizer = Optimizer()
    objective: Annotated[Objective, OBJECTIVE] = Single()
    seed: int = field(0, ge=0, le=2**31 - 1)
    evaluate_every: int = field(100, ge=1, le=1_000_000, unit="steps")
    evaluate_examples: int = field(64, ge=1, le=65_536, unit="examples per domain")
    log_every: int = field(10, ge=1, le=1_000_000, unit="steps")
    checkpoint_every: int = field(200, ge=1, le=1_000_000, unit="steps")
    trace_tokens: int = field(16_384, ge=0, le=4_000_000, unit="tokens traced at evaluation", advanced=True)
    small_traces: int = field(8, ge=0, le=1000, unit="small traces on the way", advanced=True)
    freeze: tuple[str, ...] = field((), advanced=True)
    freeze_after: float = field(0.0, ge=0, le=1, unit="share of the steps", advanced=True)
    start_from: str | None = field(None, max_length=64, advanced=True)
    start_with: Taken = field("everything", advanced=True)
    threads: int | None = field(None, ge=1, le=256, advanced=True)
    # A choice part by part is what resolving writes, not what a form offers.
    execution: (
        Literal["auto", "reference", "sparse", "ragged", "grouped", "numpy", "compiled"]
        | SkipJsonSchema[dict[str, Way]]
    ) = field("auto", advanced=True)
    expert_dtype: Literal["auto", "float32", "bfloat16"] = field("float32", advanced=True)

    @property
    def waypoints(self) -> frozenset[int]:
        """Steps before which a small trace is taken: closest at the start, where routing moves most."""
        if not self.trace_tokens:
            return frozenset()
        return frozenset(
            round((self.steps or 0) * (i / self.small_traces) ** 2) for i in range(self.small_traces)
        )

    @property
    def sha(self) -> str:
        """sha256 of the canonical JSON."""
        return hashlib.sha256(canonical_json(self).encode()).hexdigest()

    def replaced(self, **values: Any) -> Plan:
        """A validated copy with some values changed."""
        return Plan.model_validate(self.model_dump() | values)
