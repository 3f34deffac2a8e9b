"""Two designs side by side: what differs, and what each costs. For the page and for the command line."""

from dataclasses import dataclass
from functools import lru_cache

from core.cost.count import count
from core.cost.estimate import STRIP_CONTEXT
from core.cost.figure import Figure
from core.cost.flops import flops
from core.cost.format import delta, letters, show
from core.cost.formats import widths
from core.cost.memory import weight_bytes
from core.design.diff.change import Change
from core.design.diff.designs import diff
from core.design.spec import Design


@dataclass(frozen=True)
class Cost:
    """One quantity of both designs."""

    label: str
    before: Figure
    after: Figure

    @property
    def texts(self) -> tuple[str, str, str]:
        """Before, after and the difference, as the strip writes them."""
        return _text(self.before), _text(self.after), _change(self.before.value, self.after.value)


@lru_cache(maxsize=256)
def changes(before: Design, after: Design) -> tuple[Change, ...]:
    """As `core.design.diff.designs.diff`, remembered: the list of versions asks again at each rerun."""
    return diff(before, after)


def costs(before: Design, after: Design) -> tuple[Cost, ...]:
    """Parameters, FLOPs and bytes; both at a context of at most STRIP_CONTEXT tokens, like the strip."""
    return tuple(
        Cost(label, x, y)
        for (label, x), (_, y) in zip(_figures(before).items(), _figures(after).items(), strict=True)
    )


def _figures(design: Design) -> dict[str, Figure]:
    counts = count(design)
    total, active = counts.figures()[:2]
    return {
        "Total parameters": total,
        "Active parameters": active,
        "FLOPs per token": flops(counts, min(design.task.tokens, STRIP_CONTEXT)).figures()[0],
        "Weights, bf16": weight_bytes(counts, widths("bf16")),
    }


def _change(before: float, after: float) -> str:
    """As `delta`; far apart, a factor says more than a percentage."""
    if before and after and not 0.1 < after / before < 10:
        bigger = after > before
        return f"{letters(max(before, after) / min(before, after))} times {'more' if bigger else 'less'}"
    return delta(before, after)


def _text(figure: Figure) -> str:
    if figure.unit == "parameters":
        return letters(figure.value)
    shown = show(figure)
    return f"{shown.value}\u2009{shown.unit.removesuffix(' / token')}"
