"""What optimizers keep for each parameter they train."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from core.design.base import Weight

#: Block of the scales of 8-bit states (arXiv 2110.02861).
_BLOCK = 256


@dataclass(frozen=True)
class Optimizer:
    """Bytes of its states for each number of a matrix inside layers, and of any other weight."""

    name: str
    title: str
    matrix: float
    other: float

    def states(self, weight: Weight) -> float:
        """Bytes for each number of a weight."""
        inside = weight.narrows and weight.role not in ("embedding", "head")
        return self.matrix if inside else self.other


OPTIMIZERS: dict[str, Optimizer] = {
    o.name: o
    for o in (
        Optimizer("adamw", "AdamW, two float32 moments", 8, 8),
        Optimizer("adamw8bit", "AdamW, two 8-bit moments with scales", 2 + 8 / _BLOCK, 2 + 8 / _BLOCK),
        Optimizer("muon", "Muon for matrices (one momentum), AdamW for the rest", 4, 8),
        Optimizer("sgd", "SGD with momentum", 4, 4),
    )
}


def optimizer(name: str) -> Optimizer:
    """An optimizer by name. Raises ValueError with the nearest name."""
    if name in OPTIMIZERS:
        return OPTIMIZERS[name]
    near = get_close_matches(name, OPTIMIZERS, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(
        f"There is no optimizer {name!r}.{hint} To fix this, use one of: {', '.join(OPTIMIZERS)}."
    )
