"""Values of a form as text and back, and how its numbers step and print."""

import math
from typing import Any

from components.forms.shapes import Shape


def usual_step(current: Any) -> float:
    """A step of the widget that fits the size of a value."""
    if not current:
        return 0.01
    return float(10.0 ** (math.floor(math.log10(abs(current))) - (0 if abs(current) < 1 else 1)))


def number_format(current: Any, step: float) -> str:
    """As many decimals as the value and the step have."""
    places = max(_places(current or 0.0), _places(step))
    return f"%.{min(places, 12)}f"


def _places(number: float) -> int:
    text = f"{number:.12f}".rstrip("0")
    return len(text.split(".")[1])


def as_text(value: Any) -> str:
    """`1, 2, 3`, or a line `name: 1, 2` for each entry of a table."""
    if isinstance(value, dict):
        return "\n".join(f"{key}: {as_text(entry)}" for key, entry in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(as_text(entry) for entry in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def from_text(text: str, here: Shape) -> Any:
    """The reverse of `as_text`; what is no number stays text, and the design says what is wrong with it."""
    if here.kind == "table":
        pairs = (line.partition(":") for line in text.splitlines() if line.strip())
        rows = {name.strip(): _numbers(rest) for name, _, rest in pairs}
        many = here.item is not None and here.item.kind == "numbers"
        return rows if many else {name: (row[0] if row else 0) for name, row in rows.items()}
    return (
        _numbers(text)
        if here.kind == "numbers"
        else [word.strip() for word in text.split(",") if word.strip()]
    )


def _numbers(text: str) -> list[Any]:
    return [_number(word.strip()) for word in text.split(",") if word.strip()]


def _number(word: str) -> Any:
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word
