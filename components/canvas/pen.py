"""Where a drawing has got to, and what all its parts share: measures, figures of a part, the spine."""

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import lru_cache

from components.canvas.picture import Picture
from components.canvas.slots import Place, spread
from core.cost.estimate import STRIP_CONTEXT
from core.cost.flops import mean_keys
from core.cost.format import letters, size
from core.cost.parts import PartCount
from core.design.problems import Problem
from core.design.spec import Design

#: Room for brackets to the left of the column.
GUTTER = 112.0
SPINE = GUTTER + 21
PROBLEM = 38.0
#: Between parts of a layer, between layers, and beside a repeat, whose gap holds more places to drop into.
GAP, LAYER_GAP, BLOCK_GAP = 12.0, 16.0, 24.0
WEIGHT_BYTES = 2  # bf16, as the column says
#: Widths of the column that the browser chooses from.
COLUMNS = (560, 664, 820)
#: A narrower column is one of a small window: its rows are lower, and notes that would be cut are left out.
ROOMY = 600


@dataclass
class Pen:
    """Where the drawing has got to. `waiting` are places whose gap is not closed yet."""

    design: Design
    counts: dict[str, list[PartCount]]
    active: float
    problems: dict[str, list[Problem]]
    opened: Collection[str]
    width: float
    picture: Picture
    y: float = 10.0
    last: float | None = None
    line: int = 0
    depth: int = 0
    waiting: list[Place] = field(default_factory=list)

    @property
    def row(self) -> float:
        """Height of a row."""
        return 36.0 if self.width >= ROOMY else 31.0

    def join(self) -> None:
        """Lead the spine from what was drawn last to here, and place the slots of the gap."""
        if self.last is None:
            return
        self.picture.wire("spine", f"M{SPINE:g} {self.last:g}V{self.y:g}")
        self.picture.slots += spread(self.waiting, self.last, self.y, GUTTER, self.width)
        self.waiting.clear()

    def attention(self, part: PartCount) -> float:
        """Multiply-adds of scores and values for a token, in a context as the cost strip has it: the FLOPs of
        the rows and of the strip add up.
        """
        context = min(self.design.task.tokens, STRIP_CONTEXT)
        return part.pair_macs * mean_keys(part, context) if part.pair_macs else 0.0

    def figures(self, pointer: str, kind: str = "") -> tuple[tuple[str, ...], float]:
        """Texts of the columns for one turn of a part, and its share of all active parameters."""
        parts = [part for part in self.counts.get(pointer, ()) if not kind or part.kind == kind]
        parameters = sum(part.parameters for part in parts)
        flops = sum(2 * (part.gemm_macs + part.token_macs + self.attention(part)) for part in parts)
        share = sum(part.times * part.active for part in parts) / self.active if self.active else 0.0
        return _texts(parameters, flops), share


@lru_cache(maxsize=1024)
def _texts(parameters: int, flops: float) -> tuple[str, ...]:
    """The columns of a row. Layers are alike, so most of these are asked again and again."""
    return letters(parameters), letters(flops), size(parameters * WEIGHT_BYTES)
