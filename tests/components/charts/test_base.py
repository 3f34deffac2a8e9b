from itertools import pairwise

import altair as alt
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.charts import palette
from components.charts.base import apart, framed


@given(
    st.lists(st.floats(-100, 100, allow_nan=False), max_size=12),
    st.floats(0.01, 5),
)
def test_labels_are_apart_and_keep_their_order(values, gap):
    placed = apart(values, gap)
    order = sorted(range(len(values)), key=lambda i: values[i])
    after = [placed[i] for i in order]
    assert all(b - a >= gap - 1e-9 for a, b in pairwise(after))
    if values:
        assert sum(placed) == pytest.approx(sum(values), abs=1e-6)


def test_labels_that_do_not_touch_stay_where_they_are():
    assert apart([3.0, 1.0, 2.0], 0.5) == [3.0, 1.0, 2.0]


def test_the_frame_takes_its_greys_from_the_theme():
    chart = alt.Chart(pd.DataFrame({"x": [1]})).mark_point().encode(x="x")
    for theme in ("light", "dark"):
        colors = palette.of(theme)
        found = framed(chart, colors, 120).to_dict()
        assert found["height"] == 120
        assert found["config"]["axis"]["gridColor"] == colors.line
        assert found["config"]["view"]["stroke"] is None


def test_the_palettes_are_those_of_the_configuration():
    light, dark = palette.of("light"), palette.of("dark")
    assert (light.paper, dark.paper) == ("#FFFFFF", "#141518")
    assert len(light.categorical) == len(dark.categorical) == 8
    assert len(light.sequential) == len(dark.sequential) == 10
    assert light.ink2 == "#606163"


def test_mixing_with_nothing_changes_nothing():
    assert palette.mix("#123456", "#FFFFFF", 1.0) == "#123456"
    assert palette.mix("#123456", "#FFFFFF", 0.0) == "#FFFFFF"
