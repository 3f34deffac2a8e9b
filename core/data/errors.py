"""The one error of this package."""

from __future__ import annotations


class DataError(ValueError):
    """Data that cannot be used as asked, in three parts: what is wrong, why, and what to do.

    The text is one paragraph and ends with "To fix this, ...", ready to be shown to the user.
    """

    def __init__(self, what: str, why: str, fix: str) -> None:
        self.what = what
        self.why = why
        self.fix = f"To fix this, {fix}"
        super().__init__(" ".join(part for part in (what, why, self.fix) if part))

    def __reduce__(self) -> tuple[type[DataError], tuple[str, str, str]]:
        return DataError, (self.what, self.why, self.fix.removeprefix("To fix this, "))


def shorten(name: str, limit: int = 80) -> str:
    """A user's word, quoted and cut, safe to put into a message."""
    return repr(name if len(name) <= limit else name[: limit - 1] + "…")


def listing(names: list[str] | tuple[str, ...], limit: int = 8) -> str:
    """`a, b, c and 4 more`."""
    shown = ", ".join(shorten(name, 40) for name in names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
