"""What a value that a spec refuses ought to be, in words that name no library."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

#: By the type of pydantic's error: what the value may be, from its limits.
_WANTED: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "missing": lambda limits: "a value, and none is there",
    "tuple_type": lambda limits: 'a list in brackets, such as ["a", "b"]',
    "dict_type": lambda limits: 'names with values in braces, such as {"a": 1}',
    "model_type": lambda limits: 'names with values in braces, such as {"a": 1}',
    "model_attributes_type": lambda limits: 'names with values in braces, such as {"a": 1}',
    "string_type": lambda limits: "text",
    "string_too_short": lambda limits: f"text of {limits['min_length']} letters at least",
    "string_too_long": lambda limits: f"text of {limits['max_length']} letters at most",
    "too_short": lambda limits: f"a list of {limits['min_length']} at least",
    "too_long": lambda limits: f"a list of {limits['max_length']} at most",
    "bool_type": lambda limits: "true or false",
    "bool_parsing": lambda limits: "true or false",
    "int_type": lambda limits: "a whole number",
    "int_parsing": lambda limits: "a whole number",
    "int_from_float": lambda limits: "a whole number",
    "float_type": lambda limits: "a number",
    "float_parsing": lambda limits: "a number",
    "finite_number": lambda limits: "a number that is neither infinite nor undefined",
    "greater_than": lambda limits: f"a number above {limits['gt']:g}",
    "greater_than_equal": lambda limits: f"{limits['ge']:g} at least",
    "less_than": lambda limits: f"a number below {limits['lt']:g}",
    "less_than_equal": lambda limits: f"{limits['le']:g} at most",
    "literal_error": lambda limits: str(limits["expected"]),
}


def fault(error: Mapping[str, Any]) -> str:
    """What is wrong, as the end of a sentence, from one of the `errors()` of a pydantic ValidationError.

    Errors of our own come in our words already.
    """
    kind, limits = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return "there is nothing of this name"
    if kind == "value_error":
        return str(limits["error"]).rstrip(".")
    if kind in _WANTED:
        return f"it takes {_WANTED[kind](limits)}"
    said = str(error["msg"]).rstrip(".")
    return said[:1].lower() + said[1:]
