"""The panels of the Layer section, in the order of their switch.

A new panel is one file beside this one, with `show(shown, routed, index)` for the layer of that index among
those that select, and one line here.
"""

from collections.abc import Callable
from dataclasses import dataclass

from app.routed import Routed
from app.views._routing.panels import alike, certainty, drops, goes, router, together
from app.views._routing.shown import Shown


@dataclass(frozen=True)
class Panel:
    """A word on the switch, and what draws it."""

    title: str
    show: Callable[[Shown, Routed, int], None]


PANELS = (
    Panel("Who goes where", goes.show),
    Panel("Together", together.show),
    Panel("Alike", alike.show),
    Panel("Router", router.show),
    Panel("Certainty", certainty.show),
    Panel("Drops", drops.show),
)
