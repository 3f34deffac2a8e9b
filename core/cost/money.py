"""Energy and money of a step: joules a token from rated or measured power, a price a million tokens."""

from __future__ import annotations

from core.cost.devices.base import Processor
from core.cost.figure import Figure

#: Share of its rated power that a busy device draws: 10 % mark, middle, 90 % mark. Steps that wait for memory
#: draw less than those that compute; a prior.
_DRAWN = (0.5, 0.75, 1.0)


def joules(
    step: Figure, tokens: float, on: Processor, *, devices: int = 1, watts: float | None = None
) -> Figure:
    """Joules a token: devices * watts * seconds / tokens.

    `watts` of one device as measured; without it a share of what it is rated for. Raises ValueError where
    neither is known.
    """
    if watts is not None and not 0 < watts < 1e5:
        raise ValueError(f"A power of {watts} W makes no sense. To fix this, give watts of one device.")
    if watts is None and not on.power:
        raise ValueError(f"No power is known of {on.title}. To fix this, give its watts.")
    each = devices * step.value / tokens
    low, high = (each * (bound or step.value) / step.value for bound in (step.low, step.high))
    inputs = (("devices", devices), ("tokens", tokens), ("watts", watts or on.power))
    if watts is not None:
        return Figure(
            each * watts, "J / token", "money.joules", inputs, step.grade, low * watts, high * watts
        )
    least, middle, most = (share * on.power for share in _DRAWN)
    return Figure(each * middle, "J / token", "money.joules", inputs, "prior", low * least, high * most)


def million(step: Figure, tokens: float, price: float, *, devices: int = 1) -> Figure:
    """What a million tokens cost, in the unit of `price` for a device and hour, fully used.

    Raises ValueError for a price that is none.
    """
    if not 0 <= price < 1e6:
        raise ValueError(f"A price of {price} makes no sense. To fix this, give that of a device and hour.")
    hours = devices * step.value / 3600 / tokens * 1e6
    low, high = ((bound or step.value) / step.value for bound in (step.low, step.high))
    value = hours * price
    inputs = (("devices", devices), ("tokens", tokens), ("price", price))
    grade = "prior" if step.grade == "exact" else step.grade
    return Figure(value, "a million tokens", "money.million", inputs, grade, value * low, value * high)
