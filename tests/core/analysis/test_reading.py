"""Words beside figures, and results as JSON."""

import json
from dataclasses import dataclass

import numpy as np

from core.analysis.reading import Reading, counted, figure, plain


@dataclass(frozen=True)
class Found:
    values_E: np.ndarray
    level: float
    reading: Reading


def test_a_result_is_json() -> None:
    found = Found(np.array([[1.5, np.nan]]), float("inf"), Reading("Shows.", "Trap."))
    wanted = {"values_E": [[1.5, None]], "level": None}
    wanted |= {"reading": {"shows": "Shows.", "trap": "Trap.", "chance": None}}
    assert plain(found) == wanted
    assert json.loads(json.dumps(plain({"a": (np.int16(3), np.bool_(True))}))) == {"a": [3, True]}


def test_a_reading_reads_as_a_sentence_each() -> None:
    assert str(Reading("Shows.", "Trap.", "Chance.")) == "Shows. Chance. Trap."


def test_a_number_that_is_rounded_up_to_the_next_digit_has_three_too() -> None:
    assert [figure(value) for value in (0.99962, 0.0099996, 9.996, -0.9999)] == [
        "1.00",
        "0.0100",
        "10.0",
        "-1.00",
    ]


def test_numbers_have_three_digits() -> None:
    said = [figure(value) for value in (0, 0.012345, 1.2345, 12.345, 123.45, 12345.6, -0.5, float("nan"))]
    assert said == ["0", "0.0123", "1.23", "12.3", "123", "12\u2009300", "-0.500", "–"]
    assert (counted(1, "expert"), counted(1200, "expert")) == ("1 expert", "1\u2009200 experts")
