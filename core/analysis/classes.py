"""What kind of byte a token is: keyword, word, capital, digit, indentation, bracket, ...

A class is read off the bytes and their neighbours, never off the model. T tokens.
"""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.analysis.arrays import TokenArrays
from core.analysis.errors import AnalysisError

NAMES = (
    *("keyword", "lower case", "capital", "digit", "space", "indentation", "line end", "bracket", "quote"),
    *("operator", "punctuation", "beyond ASCII", "other"),
)
_NUMBER = {name: number for number, name in enumerate(NAMES)}
_C_WORDS = "auto bool char const double enum float inline int long namespace new sizeof static struct switch"
_C_WORDS += " template this typedef typename union unsigned using virtual void"
KEYWORDS = frozenset(word.encode() for word in (*keyword.kwlist, *_C_WORDS.split()))
_WORD = re.compile(rb"[A-Za-z_][A-Za-z_0-9]*")
_INDENTATION = re.compile(rb"(?<=\n)[ \t]+")


@dataclass(frozen=True)
class Classes:
    """`of_T` [T] indexes `NAMES`; `text` has the bytes of all sequences in order, a 0 between two, and `at_T`
    [T] says where each token stands in it."""

    of_T: npt.NDArray[np.int64]
    text: bytes
    at_T: npt.NDArray[np.int64]


def token_classes(tokens: TokenArrays) -> Classes:
    """The class of every token. A word cut by the start of its sequence is judged by what is left of it.

    Raises:
        AnalysisError: tokens are not bytes.
    """
    token_T = tokens.token
    if not len(token_T) or token_T.min() < 0 or token_T.max() > 255:
        raise AnalysisError(
            "Kinds of bytes are told of text, and the tokens of this trace are not bytes. To fix this, look"
            " at a run that was trained on text."
        )
    order_T = np.lexsort((tokens.position, tokens.sequence))
    sequence_T = tokens.sequence[order_T]
    gaps_T = np.concatenate([[0], np.cumsum(sequence_T[1:] != sequence_T[:-1])])
    at_T = np.empty(len(token_T), np.int64)
    at_T[order_T] = np.arange(len(token_T)) + gaps_T
    bytes_X = np.zeros(at_T.max() + 1, np.uint8)
    bytes_X[at_T] = token_T
    text = bytes_X.tobytes()
    class_X = _base()[bytes_X]
    for found in _WORD.finditer(text):
        if found[0] in KEYWORDS:
            class_X[found.start() : found.end()] = _NUMBER["keyword"]
    for found in _INDENTATION.finditer(text):
        class_X[found.start() : found.end()] = _NUMBER["indentation"]
    return Classes(class_X[at_T], text, at_T)


def byte_name(byte: int) -> str:
    """A byte as a reader would write it."""
    special = {9: "tab", 10: "line end", 13: "return", 32: "space"}
    if byte in special:
        return special[byte]
    return f"“{chr(byte)}”" if 33 <= byte < 127 else f"byte {byte}"


def _base() -> npt.NDArray[np.int64]:
    """The class of a byte on its own [256]."""
    members = {
        "lower case": b"abcdefghijklmnopqrstuvwxyz_",
        "capital": b"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "digit": b"0123456789",
        "space": b" \t",
        "line end": b"\r\n",
        "bracket": b"()[]{}",
        "quote": b"\"'`",
        "operator": b"+-*/%=<>&|^~@!",
        "punctuation": b".,;:?#$\\",
        "beyond ASCII": bytes(range(128, 256)),
    }
    table = np.full(256, _NUMBER["other"], np.int64)
    for name, values in members.items():
        table[list(values)] = _NUMBER[name]
    return table
