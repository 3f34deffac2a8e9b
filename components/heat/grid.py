"""What a heat map shows, as plain data: shares, labels, what was crossed out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Counts = npt.ArrayLike


def row_shares(counts_RE: Counts) -> npt.NDArray[np.float64]:
    """Each row divided by its sum; a row without a token stays 0."""
    counts = np.asarray(counts_RE, np.float64)
    totals = counts.sum(axis=-1, keepdims=True)
    return np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)


def top_of_scale(shares: Sequence[npt.NDArray[np.float64]], fair: float) -> float:
    """The share at the dark end: the largest there is, but at least twice the fair one, in whole percent."""
    largest = max((float(frame.max()) for frame in shares if frame.size), default=0.0)
    return min(1.0, np.ceil(100 * max(largest, 2 * fair)) / 100)


def grid(
    rows: Sequence[str],
    counts: Sequence[Sequence[Counts]],
    *,
    alt: str,
    corner: str = "",
    steps: Sequence[int] = (),
    numbers: bool = False,
    selected: tuple[int, int | None] | None = None,
    kinds: Sequence[Sequence[str]] = (),
) -> dict[str, Any]:
    """The data of one heat map. `counts[f][r]` are the tokens [E] of row r in frame f.

    Rows may have different numbers of experts. With several frames a scrubber walks over `steps`. Shares are
    sent in tenths of a percent; -1 says that the row has tokens and this expert has none. `kinds[r]` names
    the experts of row r that are not of its usual kind, and is empty for the others: a sign stands over them.
    """
    frames = [[row_shares(row) for row in frame] for frame in counts]
    widest = max((len(row) for frame in frames for row in frame), default=1)
    fair = 1 / widest
    signs, said = _signs(kinds, widest)
    top = top_of_scale([row for frame in frames for row in frame], fair)
    return {
        "rows": list(rows),
        "experts": widest,
        "frames": [[_cells(row) for row in frame] for frame in frames],
        "steps": list(steps),
        "top": round(1000 * top),
        "fair": round(1000 * fair),
        "even": len({len(row) for frame in frames for row in frame}) <= 1,
        "numbers": numbers,
        "corner": corner,
        "selected": list(selected) if selected else None,
        "kinds": [list(row) for row in kinds],
        "signs": signs,
        "said": said,
        "alt": alt,
    }


def _signs(kinds: Sequence[Sequence[str]], widest: int) -> tuple[list[str], list[str]]:
    """A letter over each column that holds such an expert in some row, and the legend's words for them."""
    letters: dict[str, str] = {}
    for kind in dict.fromkeys(kind for row in kinds for kind in row if kind):
        free = (letter for letter in kind.upper() if letter.isalpha() and letter not in letters.values())
        letters[kind] = next(free, "*")
    over = [next((row[e] for row in kinds if e < len(row) and row[e]), "") for e in range(widest)]
    return [letters.get(kind, "") for kind in over], [f"{letter}: {kind}" for kind, letter in letters.items()]


def _cells(shares_E: npt.NDArray[np.float64]) -> list[int]:
    used = shares_E.sum() > 0
    return [-1 if used and share == 0 else round(1000 * share) for share in shares_E.tolist()]


def rows_of(rows: Sequence[str], counts: Sequence[Counts], name: str) -> pd.DataFrame:
    """The numbers of a heat map as a table: row, expert, tokens, share in percent."""
    found = [
        (row, expert, int(tokens), round(100 * float(share), 2))
        for row, counts_E in zip(rows, counts, strict=True)
        for expert, (tokens, share) in enumerate(
            zip(np.asarray(counts_E).tolist(), row_shares(counts_E).tolist(), strict=True)
        )
    ]
    return pd.DataFrame(found, columns=[name, "expert", "tokens", "share, %"])


def shares_of(rows: Sequence[str], shares: Sequence[Counts], name: str) -> pd.DataFrame:
    """The same where experts have shares of every token, and no tokens of their own."""
    return rows_of(rows, shares, name).drop(columns="tokens")
