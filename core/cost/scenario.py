"""What is asked of a design: phase, tokens, number formats, and how many devices share the work."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from core.cost.devices.base import Processor
from core.cost.formats import Widths

Way = Literal["host", "pcie", "nvme"]
Phase = Literal["prefill", "decode", "train"]
Recompute = Literal["none", "selective", "full"]
PHASES: tuple[Phase, ...] = get_args(Phase)
RECOMPUTES: tuple[Recompute, ...] = get_args(Recompute)
WAYS: tuple[Way, ...] = get_args(Way)
#: Software that is told apart.
STACKS = ("sglang", "vllm", "trtllm", "gpt-fast", "llama.cpp", "megatron", "pytorch")
#: Those whose pipelines may have stages of unequal depth.
UNEVEN_STAGES = ("megatron",)


@dataclass(frozen=True)
class Parallel:
    """How devices share a design: `tp` ways a matrix, `pp` stages of layers, `dp` copies of the batch.

    Experts lie `ep` ways across the tp * dp devices of a stage, as Megatron-LM and vLLM do.
    """

    tp: int = 1
    ep: int = 1
    pp: int = 1
    dp: int = 1

    @property
    def devices(self) -> int:
        """All of them."""
        return self.tp * self.pp * self.dp

    @property
    def expert_tp(self) -> int:
        """Ways that one expert is cut: what tensor parallelism leaves after experts are spread."""
        return max(1, self.tp // self.ep)

    @property
    def expert_dp(self) -> int:
        """Copies of each expert: the data parallel group of experts, smaller than that of the rest."""
        return max(1, self.tp * self.dp // (self.ep * self.expert_tp))


@dataclass(frozen=True)
class Training:
    """How a step is trained.

    `micro_batch` sequences pass at once on a device (None: all of its share); `zero` is the stage of ZeRO
    (1: optimizer states, 2: and gradients, 3: and weights are cut across copies; arXiv 1910.02054).
    """

    micro_batch: int | None = None
    zero: int = 1
    recompute: Recompute = "none"
    optimizer: str = "adamw"


@dataclass(frozen=True)
class Offload:
    """Experts of `layers` routed layers, `share` of all of those, that do not lie on a device.

    `host`: they lie in the memory of the host, which computes them; `pcie`: they lie there, and a device
    fetches what it touches; `nvme`: it fetches that from a drive. `host` is the CPU of a node.
    """

    way: Way
    layers: int
    share: float
    host: Processor


@dataclass(frozen=True)
class Scenario:
    """A step: `batch` sequences in all, on all devices together, of `context` tokens.

    While decoding, one token is added to each of them. `weights` are number formats of weights, `numbers` the
    one of activations and cache. `stack` is the software that runs it, if known. T tokens that choose
    alike touch as many experts as T**`correlation` independent ones; None: they are independent.
    """

    phase: Phase
    batch: int
    context: int
    weights: Widths
    numbers: str
    parallel: Parallel = field(default_factory=Parallel)
    training: Training = field(default_factory=Training)
    stack: str | None = None
    correlation: float | None = None
    offload: Offload | None = None

    @property
    def rows(self) -> int:
        """Tokens of a step, on all devices together."""
        return self.batch if self.phase == "decode" else self.batch * self.context

    @property
    def kept(self) -> float:
        """Share of the experts that lies on devices."""
        return 1 - self.offload.share if self.offload else 1.0

    @property
    def micro_batch(self) -> int:
        """Sequences that pass at once through a device."""
        share = max(1, -(-self.batch // self.parallel.dp))
        asked = self.training.micro_batch if self.phase == "train" else None
        return min(share, asked or share)

    @property
    def micro_batches(self) -> int:
        """Passes of a device in a step."""
        return max(1, -(-self.batch // (self.parallel.dp * self.micro_batch)))
