"""A whole design as text for a link: `1.` and the base64url of its zlib-packed canonical JSON.

A link comes from anywhere, so nothing in it is trusted: what it may cost to read is capped at each step.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib

from core.design.canonical import canonical_json
from core.design.edits import parse
from core.design.problems import Problem
from core.design.spec import Design

VERSION = "1"
MOST_TEXT = 8_192
MOST_BYTES = 1_000_000
#: The deepest design has some twenty levels; deeper JSON is none and would only cost stack.
MOST_DEPTH = 64


def encode(design: Design) -> str:
    """The design with its name, in letters that an address takes as they are."""
    packed = zlib.compress(canonical_json(design).encode(), 9)
    return f"{VERSION}.{base64.urlsafe_b64encode(packed).decode().rstrip('=')}"


def decode(text: str) -> Design | Problem:
    """The design of a link, or what is wrong with the link."""
    if len(text) > MOST_TEXT:
        return _problem(
            f"The link has {len(text)} characters, and one with a design has at most {MOST_TEXT}.",
            "open the design's JSON instead",
        )
    version, dot, body = text.strip().partition(".")
    if not dot or not version.isascii() or not version.isdecimal():
        return _problem("The link holds no design: it does not start with a version.")
    if version != VERSION:
        return _problem(
            f"The link was written in version {version[:8]}, and this studio reads version {VERSION}.",
            "open it in a newer studio",
        )
    unpacked = _unpack(body)
    return unpacked if isinstance(unpacked, Problem) else _read(unpacked)


def _unpack(body: str) -> bytes | Problem:
    try:
        packed = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        # A length of 4n + 1 is cut off; any other fault is a letter that does not belong here.
        return _cut_off() if len(body) % 4 == 1 and _plain(body) else _damaged()
    reader = zlib.decompressobj()
    try:
        data = reader.decompress(packed, MOST_BYTES)
    except zlib.error:
        return _damaged()
    if reader.unconsumed_tail:
        return _problem(
            f"The link unpacks to more than {MOST_BYTES // 1000} kB, more than any design has.",
            "open the design's JSON instead",
        )
    if not reader.eof:
        return _cut_off()
    return data if not reader.unused_data else _damaged()


def _read(data: bytes) -> Design | Problem:
    try:
        text = data.decode()
        if _depth(text) > MOST_DEPTH:
            return _problem(f"What the link holds is nested more than {MOST_DEPTH} deep, so it is no design.")
        content = json.loads(text)
    except (ValueError, RecursionError):
        return _damaged()
    return parse(content)


def _depth(text: str) -> int:
    """How deep brackets nest; brackets within names count too, which a design has no use for."""
    deepest = depth = 0
    for letter in text:
        if letter in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif letter in "]}":
            depth -= 1
    return deepest


def _plain(body: str) -> bool:
    return all(letter.isascii() and (letter.isalnum() or letter in "-_") for letter in body)


def _cut_off() -> Problem:
    return _problem("The link is cut off: its end is missing.")


def _damaged() -> Problem:
    return _problem("The link is damaged: it does not unpack to a design.")


def _problem(message: str, fix: str = "copy the whole link again") -> Problem:
    return Problem(code="link", message=message, fix=f"To fix this, {fix}. Nothing was changed.")
