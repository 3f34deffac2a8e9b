"""Energy and money of a step: joules a token from rated or measured power, a price a million tokens."""

from __future__ import annotations

from core.cost.devices.base import Processor
from core.cost.devices.fabric import Fabric
from core.cost.figure import Figure

#: Share of its rated power that a busy device draws: 10 % mark, middle, 90 % mark. Steps that wait for memory
#: draw less than those that compute; a prior.
_DRAWN = (0.5, 0.75, 1.0)
#: Prices of a device and hour, and watts of a device, stay below.
MOST_PRICE, MOST_WATTS = 1e6, 1e5
#: What is spent, by name.
SPENT = ("energy per token", "cost of a million tokens")


def joules(
    step: Figure, tokens: float, on: Processor | Fabric, *, devices: int = 1, watts: float | None = None
) -> Figure:
    """Joules a token: devices * watts * seconds / tokens.

    `watts` of one device as measured; without it a share of what it is rated for. Raises ValueError where
    neither is known.
    """
    if watts is not None and not 0 < watts < MOST_WATTS:
        raise ValueError(f"A power of {watts} W makes no sense. To fix this, give watts of one device.")
    rated = on.power if isinstance(on, Processor) else 0.0
    if watts is None and not rated:
        raise ValueError(f"No power is known of {on.title}. To fix this, give its watts.")
    each = devices * step.value / tokens
    low, high = (each * (bound or step.value) / step.value for bound in (step.low, step.high))
    inputs = (("devices", devices), ("tokens", tokens), ("watts", watts or rated))
    if watts is not None:
        return Figure(
            each * watts, "J / token", "money.joules", inputs, step.grade, low * watts, high * watts
        )
    least, middle, most = (share * rated for share in _DRAWN)
    return Figure(each * middle, "J / token", "money.joules", inputs, "prior", low * least, high * most)


def million(step: Figure, tokens: float, price: float, *, devices: int = 1) -> Figure:
    """What a million tokens cost, in the unit of `price` for a device and hour, fully used.

    Raises ValueError for a price that is none.
    """
    if not 0 <= price < MOST_PRICE:
        raise ValueError(f"A price of {price} makes no sense. To fix this, give that of a device and hour.")
    hours = devices * step.value / 3600 / tokens * 1e6
    low, high = ((bound or step.value) / step.value for bound in (step.low, step.high))
    value = hours * price
    inputs = (("devices", devices), ("tokens", tokens), ("price", price))
    grade = "prior" if step.grade == "exact" else step.grade
    return Figure(value, "a million tokens", "money.million", inputs, grade, value * low, value * high)


def spent(
    step: Figure,
    tokens: float,
    on: Processor | Fabric,
    *,
    devices: int = 1,
    price: float | None = None,
    watts: float | None = None,
) -> dict[str, Figure]:
    """Energy where a power is known, cost where a price is, by the names in SPENT."""
    out: dict[str, Figure] = {}
    if watts is not None or (isinstance(on, Processor) and on.power):
        out[SPENT[0]] = joules(step, tokens, on, devices=devices, watts=watts)
    if price is not None:
        out[SPENT[1]] = million(step, tokens, price, devices=devices)
    return out
