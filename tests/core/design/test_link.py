"""A design in a link: round trips, and whatever comes from outside is capped and refused in words."""

from __future__ import annotations

import base64
import json
import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.design.link import MOST_BYTES, MOST_TEXT, decode, encode
from core.design.presets.registry import names, preset
from core.design.problems import Problem
from core.design.spec import Design
from tests.core.design.samples import starter
from tests.strategies import any_designs, designs


def packed(data: bytes) -> str:
    return "1." + base64.urlsafe_b64encode(zlib.compress(data, 9)).decode().rstrip("=")


def refusal(text: str) -> str:
    result = decode(text)
    assert isinstance(result, Problem), result
    assert "Nothing was changed" in str(result)
    return str(result)


@given(st.one_of(designs(), any_designs()))
@settings(max_examples=50)
def test_any_design_comes_back_with_its_name(design: Design) -> None:
    text = encode(design)
    if len(text) <= MOST_TEXT:
        assert decode(text) == design


@pytest.mark.parametrize("name", names())
def test_every_preset_fits_into_a_link(name: str) -> None:
    text = encode(preset(name))
    assert len(text) <= 4000
    back = decode(text)
    assert isinstance(back, Design)
    assert (back.sha, back.name) == (preset(name).sha, preset(name).name)


def test_a_name_in_any_script_survives() -> None:
    named = starter().model_copy(update={"name": "模型 ✓ [{"})
    assert decode(encode(named)) == named


def test_a_link_that_lost_its_end_says_so() -> None:
    text = encode(starter())
    for length in range(10, len(text)):
        assert "cut off" in refusal(text[:length])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "does not start with a version"),
        ("hello", "does not start with a version"),
        ("2.abc", "version 2"),
        ("9" * 5000 + ".x", "version 99999999,"),
        ("1.", "cut off"),
        ("1.$$$$", "damaged"),
        ("1.AAAA", "damaged"),
        ("1." + "é" * 4, "damaged"),
        ("1." + "A" * MOST_TEXT, f"at most {MOST_TEXT}"),
        (packed(b"no json"), "damaged"),
        (packed(b"\xff\xfe"), "damaged"),
        (packed(b"1" * 5000), "damaged"),
        (packed(b"NaN"), "is wrong"),
        (packed(b"[]"), "is wrong"),
        (packed(b"{}"), "is wrong"),
        (packed(b"[" * 100_000), "nested"),
        (packed(b'{"task": "\\ud800"}'), "is an object with a kind"),
        (packed(b'{"\\ud800": 1}'), "is wrong"),
        (packed(b'{"a":' * 65 + b"1" + b"}" * 65), "nested"),
        (packed(b" " * (MOST_BYTES + 1)), "unpacks to more than 1000 kB"),
        (packed(json.dumps({"width": 10**400}).encode()), "is wrong"),
    ],
)
def test_what_is_no_design_is_refused_in_words(text: str, words: str) -> None:
    assert words in refusal(text)


def test_a_bomb_is_not_unpacked() -> None:
    """A gigabyte of blanks in a megabyte is refused by its length; in 8 kB it stops after a megabyte."""
    bomb = zlib.compressobj(9)
    data = b"".join(bomb.compress(b" " * 1_000_000) for _ in range(5)) + bomb.flush()
    text = "1." + base64.urlsafe_b64encode(data).decode().rstrip("=")
    assert len(text) < MOST_TEXT
    assert "unpacks to more" in refusal(text)


def test_a_changed_letter_never_raises() -> None:
    text = encode(starter())
    choose = random.Random(0)
    letters = "ABCXYZabcxyz0189-_"
    for _ in range(400):
        at = choose.randrange(2, len(text))
        decode(text[:at] + choose.choice(letters) + text[at + 1 :])


@given(st.text(max_size=60))
@settings(max_examples=200)
def test_any_text_is_a_design_or_a_problem(text: str) -> None:
    for attempt in (text, f"1.{text}"):
        assert isinstance(decode(attempt), Design | Problem)
