"""The roofline: names of devices beside it stay off their lines."""

import pytest

from components.charts import palette
from components.charts.cost import Dot, Roof, roofline

LIGHT = palette.of("light")


def roof(peak: float, name: str) -> Roof:
    return Roof(peak * 1e12, peak / 300 * 1e12, name, "3 TB/s")


def named(spec):
    """Words of a chart with the mark that draws them; a layer has the rows of what it is nested in."""
    whole = spec.get("datasets", {})

    def walk(node, rows):
        rows = whole.get(node.get("data", {}).get("name"), rows)
        for child in node.get("layer", []):
            yield from walk(child, rows)
        if node.get("mark", {}).get("type") == "text":
            yield from ((row["text"], node) for row in rows[:1] if "text" in row)

    return walk(spec, [])


@pytest.mark.parametrize(
    ("own", "peaks", "above"),
    [
        (989, (165, 121), {165}),
        # Far from each other, each stands below its own line.
        (989, (300, 20), set()),
        # No room between this line and the roof.
        (989, (700, 600), set()),
        (165, (989, 800), {989}),
    ],
)
def test_the_higher_of_two_near_peaks_has_its_name_above_its_line(own, peaks, above):
    others = [roof(peak, f"other {peak}") for peak in peaks]
    chart = roofline(roof(own, "own"), [Dot("experts", 2.0, 5e12, 0.8)], LIGHT, others)
    moved: dict[float, set[float]] = {peak: set() for peak in peaks}
    for name, unit in named(chart.to_dict()):
        if name.startswith("other"):
            moved[float(name.removeprefix("other "))].add(unit["mark"]["dy"])
    assert {len(places) for places in moved.values()} == {1}
    assert {peak for peak, places in moved.items() if min(places) < 0} == above
