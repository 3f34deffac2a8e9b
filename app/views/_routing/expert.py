"""One expert of one layer: whose tokens, which tokens, in what company. NumPy only.

T tokens, K choices a token, N domains.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.trace.record import RoutedLayer, Trace

#: Bytes that are shown before and after a token.
AROUND = 28
_SIGNS = {9: "⇥", 10: "↵", 13: "␍", 32: "␣"}


@dataclass(frozen=True)
class Expert:
    """What an expert does, means over the tokens it took; `first` is how often it was the first choice."""

    tokens_I: npt.NDArray[np.int64]
    domains_N: npt.NDArray[np.int64]
    expected_N: npt.NDArray[np.float64]
    dropped: int
    weight: float
    first: float
    entropy: float
    margin: float


def expert(trace: Trace, layer: RoutedLayer, index: int) -> Expert:
    """Figures of one expert; NaN where it took no token. `expected_N`: the domains' shares of all picks."""
    picked_TK = layer.expert == index
    taken_TK = picked_TK & layer.accepted
    taken_I = np.flatnonzero(taken_TK.any(axis=1))
    n = len(trace.domains)
    all_N = np.bincount(trace.tokens.domain, layer.accepted.sum(axis=1), minlength=n).astype(np.float64)
    return Expert(
        tokens_I=taken_I,
        domains_N=np.bincount(trace.tokens.domain[taken_I], minlength=n),
        expected_N=all_N / max(1.0, all_N.sum()),
        dropped=int((picked_TK & ~layer.accepted).sum()),
        weight=_mean(layer.weight[taken_TK]),
        first=_mean(taken_TK[taken_I, 0]) if layer.header.k else float("nan"),
        entropy=_mean(layer.entropy[taken_I]),
        margin=_mean(layer.margin[taken_I]),
    )


def _mean(values: npt.NDArray[np.generic]) -> float:
    return float(np.asarray(values, np.float64).mean()) if values.size else float("nan")


def top_tokens(
    trace: Trace, tokens_I: npt.NDArray[np.int64], most: int = 12, least: int = 4
) -> list[tuple[int, int, float]]:
    """(token, how many of this expert's tokens it is, share of its occurrences that came here).

    Sorted by how much more often than chance they come here, seen at least `least` times; bytes only.
    """
    bytes_T = trace.tokens.token
    known_T = (bytes_T >= 0) & (bytes_T < 256)
    here = np.bincount(bytes_T[tokens_I][known_T[tokens_I]], minlength=256)
    everywhere = np.bincount(bytes_T[known_T], minlength=256)
    share = np.divide(here, everywhere, out=np.zeros(256), where=everywhere > 0)
    # Many and mostly here: the share alone would put what was seen four times first.
    score = np.where(here >= least, share * np.sqrt(here), 0.0)
    order = np.argsort(-score, kind="stable")[:most]
    return [(int(b), int(here[b]), float(share[b])) for b in order if score[b] > 0]


def contexts(trace: Trace, tokens_I: npt.NDArray[np.int64], most: int = 8) -> list[tuple[str, str, str, str]]:
    """(domain, before, token, after) of tokens spread evenly over those given; nothing without bytes."""
    found = tokens_I[trace.tokens.token[tokens_I] >= 0]
    if not len(found):
        return []
    spread = found[np.linspace(0, len(found) - 1, min(most, len(found))).round().astype(int)]
    return [_context(trace, int(i)) for i in spread]


def _context(trace: Trace, i: int) -> tuple[str, str, str, str]:
    tokens = trace.tokens
    low, high = max(0, i - AROUND), i + AROUND + 1
    same = tokens.sequence[low:high] == tokens.sequence[i]
    window = np.where(same, tokens.token[low:high], -1)
    before, after = window[: i - low], window[i - low + 1 :]
    return (
        trace.domains[int(tokens.domain[i])],
        text_of(before[before >= 0]),
        sign(int(tokens.token[i])),
        text_of(after[after >= 0]),
    )


def text_of(bytes_S: npt.NDArray[np.int32]) -> str:
    """Bytes as text on one line."""
    text = bytes(int(b) & 0xFF for b in bytes_S).decode("utf-8", "replace")
    return "".join(_SIGNS.get(ord(c), c) if c in "\t\n\r" else c if c.isprintable() else "·" for c in text)


def sign(byte: int) -> str:
    """One byte so that it can be seen: `a`, `␣`, `↵`, `0xC3`."""
    if byte in _SIGNS:
        return _SIGNS[byte]
    return chr(byte) if 33 <= byte < 127 else f"0x{byte:02X}"
