"""Reading a config.json that nobody has checked: types, ranges, old and new names, and what was left unread.

A key counts as understood once a family has asked for it, under any of its names. What nobody asked for and
no list names as beside the architecture is reported as unknown.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from core.design.huggingface.ignored import IGNORED

#: Far above any published model; keeps arithmetic on hostile numbers small.
MOST = 1_000_000_000
MOST_ENTRIES = 4096
_SHOWN = 60


class ConfigError(ValueError):
    """A config.json that cannot become a design; the text says what, why and how to mend it."""

    def __init__(self, key: str, message: str, fix: str) -> None:
        super().__init__(f"{message} {fix}")
        self.key, self.message, self.fix = key, message, fix


class Config:
    """Typed access to one JSON object. The first of several names that is present counts."""

    def __init__(
        self, values: Mapping[str, Any], *, inside: str = "", notes: list[str] | None = None
    ) -> None:
        self._values = values
        self._inside = inside
        self._asked: set[str] = set()
        self._children: dict[str, Config] = {}
        self.notes: list[str] = notes if notes is not None else []

    def has(self, name: str) -> bool:
        """Whether the key is there and not null."""
        return self._values.get(name) is not None

    def present(self, name: str) -> bool:
        """Whether the key is there, even as null."""
        return name in self._values

    def entries(self) -> tuple[str, ...]:
        """All keys of this object."""
        return tuple(self._values)

    def has_any(self, *names: str) -> bool:
        """Whether one of the keys is there and not null."""
        return any(self.has(name) for name in names)

    def is_text(self, name: str) -> bool:
        """Whether the key holds a text, such as "auto"."""
        return isinstance(self._values.get(name), str)

    def is_list(self, name: str) -> bool:
        """Whether the key holds a list."""
        return isinstance(self._values.get(name), list)

    def note(self, text: str) -> None:
        """Something the user should know about the import; said once."""
        if text not in self.notes:
            self.notes.append(text)

    def ignore(self, *names: str) -> None:
        """Keys that are understood and change nothing in the drawing."""
        self._asked.update(names)

    def unknown(self, ignored: frozenset[str] = frozenset()) -> Iterator[str]:
        """Keys that nobody asked for, with dots into nested objects."""
        for name in self._values:
            if name in self._children:
                yield from self._children[name].unknown(ignored)
            elif name not in self._asked and name not in ignored and name not in IGNORED:
                yield printable(f"{self._inside}{name}")

    def integer(self, *names: str, default: int | None = None, low: int = 1, high: int = MOST) -> int:
        """A whole number; null counts as missing. Raises ConfigError, also where no default is known."""
        value = self.maybe(*names, default=default, low=low, high=high)
        if value is not None:
            return value
        if default is None:
            raise self._wrong(names[0], "is missing, and this family has no default for it", "add it")
        return default

    def maybe(self, *names: str, default: int | None, low: int = 1, high: int = MOST) -> int | None:
        """A whole number, or None where the key is null."""
        found, value = self._find(names, default)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(found, f"must be a whole number, not {_short(value)}", "write a whole number")
        if not low <= value <= high:
            raise self._wrong(found, f"is {_short(value)}", f"use a number from {low} to {high}")
        return value

    def number(self, *names: str, default: float, low: float = -1e12, high: float = 1e12) -> float:
        """A finite number; null counts as missing."""
        found, value = self._find(names, default)
        if value is None:
            return default
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or (isinstance(value, float) and not math.isfinite(value)):
            raise self._wrong(found, f"must be a finite number, not {_short(value)}", "write a number")
        if not low <= value <= high:
            raise self._wrong(found, f"is {_short(value)}", f"use a number from {low:g} to {high:g}")
        return float(value)

    def flag(self, *names: str, default: bool) -> bool:
        """true or false; null counts as missing."""
        found, value = self._find(names, default)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self._wrong(found, f"must be true or false, not {_short(value)}", "write true or false")
        return value

    def word(self, *names: str, default: str, known: Mapping[str, str]) -> str:
        """A word, translated by `known`."""
        found, value = self._find(names, default)
        if value is None:
            value = default
        if not isinstance(value, str) or value not in known:
            raise self._wrong(
                found, f"is {_short(value)}, which cannot be drawn", f"use one of {', '.join(sorted(known))}"
            )
        return known[value]

    def words(
        self, *names: str, known: Mapping[str, str], length: int | None = None
    ) -> tuple[str, ...] | None:
        """A list of words, translated by `known`; None where it is missing."""
        found, value = self._list(names)
        if value is None:
            return None
        for entry in value:
            if not isinstance(entry, str) or entry not in known:
                raise self._wrong(
                    found,
                    f"has an entry {_short(entry)}, which cannot be drawn",
                    f"use {', '.join(sorted(known))}",
                )
        self._length(found, value, length)
        return tuple(known[entry] for entry in value)

    def integers(self, *names: str, length: int | None = None) -> tuple[int, ...] | None:
        """A list of whole numbers from 0; None where it is missing."""
        found, value = self._list(names)
        if value is None:
            return None
        for entry in value:
            if isinstance(entry, bool) or not isinstance(entry, int) or not 0 <= entry <= MOST:
                raise self._wrong(found, f"has an entry {_short(entry)}", "write whole numbers from 0")
        self._length(found, value, length)
        return tuple(value)

    def each(
        self, *names: str, length: int, default: int | None = None, low: int = 0, high: int = MOST
    ) -> tuple[int, ...]:
        """One whole number for every layer: a list of them, or one that all share."""
        found, value = self._find(names, default)
        if not isinstance(value, list):
            return (self.integer(*names, default=default, low=low, high=high),) * length
        numbers = self.integers(found, length=length) or ()
        if any(not low <= n <= high for n in numbers):
            raise self._wrong(found, "has an entry out of range", f"use numbers from {low} to {high}")
        return numbers

    def text(self, name: str) -> str | None:
        """A short text, None where it is missing."""
        _, value = self._find((name,), None)
        if value is None:
            return None
        if not isinstance(value, str) or len(value) > MOST_ENTRIES:
            raise self._wrong(name, f"must be a text, not {_short(value)}", "write a text")
        return value

    def inner(self, *names: str) -> Config:
        """The object under a key; empty where it is missing."""
        found, value = self._find(names, None)
        if value is None:
            return Config({}, inside=f"{found}.", notes=self.notes)
        if not isinstance(value, dict):
            raise self._wrong(found, f"must be an object, not {_short(value)}", "write an object")
        if found not in self._children:
            self._children[found] = Config(value, inside=f"{self._inside}{found}.", notes=self.notes)
        return self._children[found]

    def wrong(self, name: str, why: str, fix: str) -> ConfigError:
        """The error of a key whose value makes no sense here."""
        return self._wrong(name, why, fix)

    def _find(self, names: tuple[str, ...], default: Any) -> tuple[str, Any]:
        self._asked.update(names)
        present = [name for name in names if name in self._values]
        if not present:
            return names[0], default
        given = [name for name in present if self._values[name] is not None]
        first = (given or present)[0]
        for other in given[1:]:
            if self._values[other] != self._values[first]:
                self.note(f"{first} and {other} differ; {first} is used.")
        return first, self._values[first]

    def _list(self, names: tuple[str, ...]) -> tuple[str, list[Any] | None]:
        found, value = self._find(names, None)
        if value is None:
            return found, None
        if not isinstance(value, list) or len(value) > MOST_ENTRIES:
            raise self._wrong(
                found, f"must be a list of at most {MOST_ENTRIES}, not {_short(value)}", "write a list"
            )
        return found, value

    def _length(self, name: str, value: list[Any], length: int | None) -> None:
        if length is not None and len(value) != length:
            raise self._wrong(
                name,
                f"has {len(value)} entries, and the model has {length} layers",
                "give one for each layer",
            )

    def _wrong(self, name: str, why: str, fix: str) -> ConfigError:
        key = f"{self._inside}{name}"
        return ConfigError(key, f"{key} {why}.", f"To fix this, {fix}.")


def printable(text: str) -> str:
    """A text of unknown origin, short and without control characters."""
    return (text if text.isprintable() else ascii(text))[:_SHOWN]


def _short(value: Any) -> str:
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"an object of {len(value)} keys"
    if isinstance(value, int) and value.bit_length() > 128:
        return "a number of many digits"
    constants = {"True": "true", "False": "false", "None": "null"}
    shown = repr(value) if not isinstance(value, str) or len(value) < MOST_ENTRIES else "a long text"
    shown = constants.get(shown, shown)
    return shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 3]}..."
