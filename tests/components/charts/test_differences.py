"""Intervals far from zero stay apart where zero is not what they are held against."""

from typing import Any

import pytest

from components.charts import palette
from components.charts.differences import Difference, differences

ROWS = [Difference("a", 1.0, 1.1, 1.2, 1.1, "1.1"), Difference("b", 1.3, 1.4, 1.5, 1.1, "1.4")]


@pytest.mark.parametrize("zero", [True, False])
def test_the_axis_holds_zero_only_where_it_is_asked_to(zero: bool) -> None:
    drawn: dict[str, Any] = differences(ROWS, palette.of("dark"), "nats", zero=zero).to_dict()
    flat = [inner for layer in drawn["layer"] for inner in layer.get("layer", [layer])]
    scales = [x["scale"] for layer in flat if "scale" in (x := layer["encoding"]["x"])]
    assert {scale["zero"] for scale in scales} == {zero}
    drawn_at = {row["x"] for rows in drawn["datasets"].values() for row in rows if "x" in row}
    assert drawn_at == ({0.0} if zero else set())
