"""Answers survive the wire."""

import io

import numpy as np
import pytest

from core.probe.answers import KINDS
from core.probe.subject import ask
from core.probe.wire import pack, unpack
from tests.core.probe.subjects import subject


def test_an_answer_comes_out_as_it_went_in() -> None:
    found = ask(subject(), "inspect", {"text": "a1e2 i3"})
    again = unpack(pack(found), KINDS)
    assert type(again) is type(found)
    assert (again.run, again.step, again.together) == ("calm-owl", 12, ("decoder.0.1",))
    np.testing.assert_array_equal(again.nll_T, found.nll_T)
    (layer,), (same,) = found.layers, again.layers
    assert same.lens_TKN.dtype == layer.lens_TKN.dtype
    np.testing.assert_array_equal(same.lens_TKN, layer.lens_TKN)
    assert again.layer("decoder.0.1") is same


def test_plain_values_and_nested_ones() -> None:
    given = {"a": [1, None, "x", {"b": np.arange(3)}], "n": np.float32(0.5)}
    found = unpack(pack(given), KINDS)
    assert found["a"][:3] == (1, None, "x")
    assert found["n"] == 0.5
    assert found["a"][3]["b"].tolist() == [0, 1, 2]


def test_pickled_arrays_are_refused() -> None:
    buffer = io.BytesIO()
    np.savez(buffer, header=np.array([{}], object))
    with pytest.raises(ValueError, match="pickle"):
        unpack(buffer.getvalue(), KINDS)
