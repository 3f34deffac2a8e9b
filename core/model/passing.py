"""What goes into a forward pass beside the inputs, and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from core.model.routing.record import RoutingRecord

Record = Literal["none", "counts", "full"]


@dataclass(frozen=True)
class Pass:
    """The circumstances of one forward pass.

    step: optimizer step; progress: share of the training done, in [0, 1], where schedules are read;
    pass_index: which of several passes of one step; seed: of the run. Random numbers of a layer are a
    function of (seed, layer, step, pass_index) alone, so replay and resume are exact.
    mask [B, S]: True where a token is real; task_id [B]; domain [B]: indices below `domains`, with which
    records count experts per domain. decode [B, S]: True where a token was generated, False where it was
    given; None where all were.
    """

    step: int = 0
    progress: float = 1.0
    pass_index: int = 0
    seed: int = 0
    mask: Tensor | None = None
    task_id: Tensor | None = None
    domain: Tensor | None = None
    domains: int = 0
    decode: Tensor | None = None
    record: Record = "none"


@dataclass(frozen=True)
class Output:
    """logits by head: [B, S, V] under "next" for a language model, [B, outputs] else.

    losses: balancer losses by name, each times its coefficient, over the number of MoE layers, summed over
    layers. records: by the path of the routed part (`decoder.1.1`), where asked for.
    """

    logits: dict[str, Tensor]
    losses: dict[str, Tensor] = field(default_factory=dict)
    records: dict[str, RoutingRecord] = field(default_factory=dict)
