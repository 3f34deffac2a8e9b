"""A quantity as colours on the drawing: where it lies on the scale, and what is written on the box."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from components.canvas.picture import Box, Legend

#: Shares are skewed: a power below 1 tells the small ones apart (the legend has the ends, so none is hidden).
POWER = 0.75


@dataclass(frozen=True)
class Heat:
    """`values` are 0 to 1 of the highest and the text for a box, by its id or else by what it selects.

    `low` and `high` are the words at the ends of the scale; `dead` the ids of experts that got no token.
    """

    key: str
    title: str
    low: str
    high: str
    values: Mapping[str, tuple[float, str]]
    dead: frozenset[str] = field(default=frozenset())

    def legend(self) -> Legend:
        """What the colours stand for."""
        return Legend(self.title, self.low, self.high)


def coloured(box: Box, heat: Heat) -> Box:
    """The box with its heat. An opened layer stays plain: its experts carry the colours."""
    if box.kind not in ("row", "expert", "cell", "shared", "swarm"):
        return box
    found = heat.values.get(box.id) or heat.values.get(box.target)
    if found is None:
        return box
    value, text = found
    shown = {"heat": min(1.0, max(0.0, value)) ** POWER, "heat_text": text, "dead": box.id in heat.dead}
    # As `dataclasses.replace`, which takes thrice the time: there are hundreds of boxes.
    return Box(**vars(box) | shown)
