"""The cells of the cost strip for a design, against the one before the last edit."""

from components.strip.cells import Cell, cell
from core.cost.count import count
from core.cost.figure import Figure, exact
from core.cost.flops import flops
from core.cost.format import percent
from core.design.spec import Design

BYTES = 2  # bf16


def cells(design: Design, before: Design | None) -> tuple[Cell, ...]:
    """Total and active parameters, FLOPs per token, bytes of the weights."""
    now, then = _figures(design), _figures(before) if before is not None else {}
    active, total = now["Active parameters"], now["Total parameters"]
    share = percent(active.value / total.value) if total.value else ""
    return tuple(
        cell(label, figure, then.get(label), extra=share if label == "Active parameters" else "")
        for label, figure in now.items()
    )


def _figures(design: Design) -> dict[str, Figure]:
    counts = count(design)
    work = flops(counts)
    return {
        "Total parameters": exact(counts.total, "", "count.total"),
        "Active parameters": exact(counts.active("R2"), "", "count.active.R2"),
        "FLOPs per token": exact(work.forward, "FLOP", "flops.forward"),
        "Weights, bf16": exact(counts.total * BYTES, "bytes", "memory.weights"),
    }
