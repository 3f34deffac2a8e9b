"""Text in columns, as the command line prints it."""

from collections.abc import Sequence


def columns(rows: Sequence[Sequence[str]]) -> str:
    """A line a row, every column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
