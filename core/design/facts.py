"""What a data set offers, and what a run leaves behind: records that rooms above and below agree on."""

from __future__ import annotations

from typing import Literal

from core.design.base import Spec, field
from core.design.tasks.base import Head

DataKind = Literal["text", "image", "table"]


class DataFacts(Spec):
    """What a design may rely on when it is trained on a data set.

    `fingerprint` is a sha256 over the bytes used and the split. Domains label where an example came from
    and are never a model input. `has_task_id` tells that examples carry a task id, in training and
    evaluation; it counts `task_names`. `labels` says what has a label in each head: an example, or each of
    its tokens.
    """

    name: str = field(min_length=1, max_length=200)
    kind: DataKind
    title: str = field("", max_length=200)
    fingerprint: str = field("", max_length=64)
    domains: tuple[str, ...] = ()
    heads: tuple[Head, ...] = ()
    labels: Literal["example", "token"] = field("example")
    causal: bool = False
    vocabulary: int = field(0, ge=0)
    height: int = field(0, ge=0, unit="px")
    width: int = field(0, ge=0, unit="px")
    channels: int = field(0, ge=0)
    features: int = field(0, ge=0)
    tokens_per_example: int = field(0, ge=0, unit="tokens, 0 = any")
    has_task_id: bool = False
    has_token_id: bool = False
    has_padding: bool = False
    n_train: int = field(0, ge=0, unit="examples, bytes for text")
    n_held_out: int = field(0, ge=0, unit="examples, bytes for text")
    smallest_file: int = field(0, ge=0, unit="bytes")

    @property
    def task_names(self) -> tuple[str, ...]:
        """What a task id counts: the heads where there are several, else the domains; none without ids."""
        if not self.has_task_id:
            return ()
        return tuple(head.name for head in self.heads) if len(self.heads) > 1 else self.domains


class LayerRouting(Spec):
    """Routing figures of one routed layer; definitions in `core.analysis.load`."""

    path: str
    load: tuple[float, ...]
    cv: float
    max_violation: float
    dead: int
    drop_rate: float
    entropy: float | None = None


class MetricsRow(Spec):
    """One row of a run's record. Losses in nats per token (or per example); domain and head names as keys.

    By path of a layer, domains below each other: `domain_expert` is what experts accepted; `domain_share`
    the experts' mean shares in a soft layer, which selects nothing and is in `layers` not either.
    """

    step: int = field(ge=0)
    seconds: float = field(ge=0, unit="s of training so far")
    loss: float | None = None
    parts: dict[str, float] = field({})
    rate: float | None = None
    gradient_norm: float | None = None
    tokens_per_second: float | None = None
    domain_loss: dict[str, float] = field({})
    held_out: dict[str, float] = field({})
    layers: tuple[LayerRouting, ...] = ()
    domain_expert: dict[str, tuple[tuple[int, ...], ...]] = field({})
    domain_share: dict[str, tuple[tuple[float, ...], ...]] = field({})


class Event(Spec):
    """Something that happened in a run, in words."""

    step: int
    kind: str
    text: str
