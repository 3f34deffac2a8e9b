import math

import pytest

from components.charts import palette
from components.charts.curves import MOST_LINES, ceiling, curves, ends, frame, shown, ticks

LIGHT = palette.of("light")
TWO = {"english": [(0, 5.5), (100, 2.5)], "python": [(0, 5.5), (100, 1.5)]}


def layers(chart) -> list[dict]:
    """All unit specs of a chart, whatever they are nested in."""
    found = []

    def walk(node):
        for child in node.get("layer", []):
            walk(child)
        if "mark" in node:
            found.append(node)

    walk(chart.to_dict())
    return found


def test_each_line_has_its_own_hue_and_dash():
    line = next(unit for unit in layers(curves(TWO, LIGHT, last_step=100)) if unit["mark"]["type"] == "line")
    dashes = line["encoding"]["strokeDash"]["scale"]
    assert dashes["domain"] == line["encoding"]["color"]["scale"]["domain"] == list(TWO)
    assert len({tuple(dash) for dash in dashes["range"]}) == len(TWO)
    assert line["encoding"]["color"]["legend"] is None


def test_lines_are_labelled_at_their_ends():
    found = ends(TWO, top=6.0)
    assert list(found["label"]) == ["english  2.50", "python  1.50"]
    assert list(found["step"]) == [100, 100]


def test_the_axis_stands_still_while_a_run_goes_on():
    def domain(last):
        units = layers(curves({"a": [(0, 5.0), (last, 4.0)]}, LIGHT, last_step=1000))
        return units[0]["encoding"]["x"]["scale"]["domain"]

    assert domain(10) == domain(500) == [0, 1000]
    assert domain(1000)[1] > 1000


def test_the_reference_is_drawn_before_the_lines():
    kinds = [u["mark"]["type"] for u in layers(curves(TWO, LIGHT, last_step=9, reference=("guess", 5.55)))]
    assert kinds.index("rule") < kinds.index("line")


def test_of_many_lines_the_extremes_are_drawn():
    many = {f"d{i}": [(0, float(i))] for i in range(20)}
    assert list(shown(many)) == [*(f"d{i}" for i in range(4)), *(f"d{i}" for i in range(16, 20))]
    assert len(shown(many)) == MOST_LINES


def test_what_is_not_a_number_is_left_out():
    assert len(frame({"a": [(0, math.nan), (1, math.inf), (2, 1.0)]})) == 1


@pytest.mark.parametrize("last", [1, 3, 7, 60, 700, 1000, 12_345, 10_000_000])
def test_ticks_are_few_and_inside(last):
    found = ticks(last)
    assert found[0] == 0
    assert found[-1] <= last
    assert 2 <= len(found) <= 6


def test_the_top_of_the_axis_is_above_everything():
    assert ceiling(TWO) >= 5.5
    assert ceiling({"a": [(0, 1.0)]}, reference=5.55) >= 5.55
    assert ceiling({}) > 0


def test_a_first_value_is_a_dot_until_there_is_a_line():
    def dots(series):
        return [
            unit for unit in layers(curves(series, LIGHT, last_step=100)) if unit["mark"]["type"] == "circle"
        ]

    assert len(dots({"code": [(0, 5.8)], "prose": [(0, 5.6)]})) == 1
    assert not dots({"code": [(0, 5.8), (50, 3.0)]})
