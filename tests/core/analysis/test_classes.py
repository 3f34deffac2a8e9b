"""Kinds of bytes by hand."""

import numpy as np
import pytest

from core.analysis.classes import NAMES, byte_name, token_classes
from core.analysis.errors import AnalysisError
from tests.core.analysis.planted import planted


def classes_of(text: bytes, length: int | None = None) -> list[str]:
    trace = planted(2, [np.zeros((len(text), 1))], length=length or len(text), token=list(text))
    return [NAMES[number] for number in token_classes(trace.tokens).of_T]


def test_kinds_of_bytes_by_hand() -> None:
    assert classes_of(b"for x1") == ["keyword"] * 3 + ["space", "lower case", "digit"]
    assert classes_of(b"A\n\t b") == ["capital", "line end", "indentation", "indentation", "lower case"]
    assert classes_of(b"(+,'\xc3\x00") == [
        "bracket",
        "operator",
        "punctuation",
        "quote",
        "beyond ASCII",
        "other",
    ]


def test_part_of_a_word_is_no_keyword() -> None:
    assert set(classes_of(b"format")) == {"lower case"}
    assert set(classes_of(b"in_")) == {"lower case"}


def test_words_do_not_reach_into_the_next_sequence() -> None:
    assert classes_of(b"xxforxx", length=2)[:2] == ["lower case"] * 2
    assert classes_of(b"inin", length=2) == ["keyword"] * 4
    assert classes_of(b"\n\n  ", length=2) == ["line end", "line end", "space", "space"]


def test_every_byte_has_a_class_and_a_name() -> None:
    assert len(classes_of(bytes(range(256)))) == 256
    assert len({byte_name(byte) for byte in range(256)}) == 256
    assert (byte_name(65), byte_name(32), byte_name(200)) == ("“A”", "space", "byte 200")


def test_text_and_places_in_it() -> None:
    trace = planted(2, [np.zeros((4, 1))], length=2, token=list(b"abcd"))
    found = token_classes(trace.tokens)
    assert found.text == b"ab\0cd"
    assert found.at_T.tolist() == [0, 1, 3, 4]


def test_tokens_that_are_no_bytes_are_refused() -> None:
    for token in ([-1, 3], [256, 3]):
        with pytest.raises(AnalysisError, match=r"not bytes.*To fix this"):
            token_classes(planted(2, [np.zeros((2, 1))], token=token).tokens)
