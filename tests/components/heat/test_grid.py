import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from components.heat.grid import grid, row_shares, rows_of, top_of_scale

COUNTS = arrays.arrays(np.int64, (3, 5), elements=st.integers(0, 1000))


@given(COUNTS)
def test_rows_with_tokens_sum_to_one(counts_NE):
    sums = row_shares(counts_NE).sum(axis=1)
    assert np.allclose(sums, (counts_NE.sum(axis=1) > 0).astype(float))


@given(COUNTS)
def test_only_experts_without_a_token_are_crossed_out_and_only_in_rows_that_have_some(counts_NE):
    data = grid(["a", "b", "c"], [counts_NE], alt="x")
    for row, cells in zip(counts_NE, data["frames"][0], strict=True):
        assert [cell == -1 for cell in cells] == [bool(row.sum()) and count == 0 for count in row.tolist()]
    assert max(max(row) for row in data["frames"][0]) <= data["top"]


def test_a_map_is_plain_json():
    data = grid(["a"], [[[1, 3]], [[2, 2]]], alt="x", steps=[10, 20], selected=(0, 1))
    assert json.loads(json.dumps(data)) == data
    assert data["frames"] == [[[250, 750]], [[500, 500]]]
    assert data["fair"] == 500
    assert data["selected"] == [0, 1]


def test_layers_of_different_sizes_have_no_common_fair_share():
    assert grid(["a", "b"], [[[1, 1], [1, 1, 1]]], alt="x")["even"] is False


def test_the_scale_reaches_twice_the_fair_share():
    assert top_of_scale([np.array([0.125] * 8)], 0.125) == 0.25
    assert top_of_scale([], 0.6) == 1.0


def test_the_table_has_every_cell():
    table = rows_of(["a", "b"], [[1, 3], [0, 0]], "domain")
    assert list(table.columns) == ["domain", "expert", "tokens", "share, %"]
    assert table["tokens"].tolist() == [1, 3, 0, 0]
    assert table["share, %"].tolist() == pytest.approx([25.0, 75.0, 0.0, 0.0])


def test_experts_of_another_kind_carry_a_letter_and_the_legend_says_which():
    kinds = [("", "", ""), ("", "zero", "zip")]
    data = grid(["a", "b"], [[[1, 1, 1], [1, 1, 1]]], alt="x", kinds=kinds)
    assert data["signs"] == ["", "Z", "I"]
    assert data["said"] == ["Z: zero", "I: zip"]
    assert data["kinds"] == [["", "", ""], ["", "zero", "zip"]]
    assert grid(["a"], [[[1, 1]]], alt="x")["said"] == []
