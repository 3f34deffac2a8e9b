import numpy as np

from components.charts import palette
from components.charts.matrix import alikeness
from tests.components.charts.test_curves import layers

DARK = palette.of("dark")
PAIRS_EE = np.array([[np.nan, 0.02, np.nan], [0.02, np.nan, 0.08], [np.nan, 0.08, np.nan]])


def drawn(value_EE, **more):
    names = [str(e) for e in range(len(value_EE))]
    return layers(alikeness(names, value_EE, DARK, signed=False, title="expertise", **more))


def test_small_values_use_the_whole_scale_where_it_ends_at_the_highest():
    fill, *_ = drawn(PAIRS_EE, top=0.08)
    assert fill["encoding"]["color"]["scale"]["domain"] == [0, 0.08]
    assert drawn(PAIRS_EE)[0]["encoding"]["color"]["scale"]["domain"] == [0, 1]


def test_each_cell_says_its_number_in_the_ink_that_reads_on_it():
    chart = alikeness(list("012"), PAIRS_EE, DARK, signed=False, title="expertise", top=0.08).to_dict()
    said = {
        layer["mark"]["color"]: [row["label"] for row in chart["datasets"][layer["data"]["name"]]]
        for layer in chart["layer"][1:]
    }
    assert said == {DARK.ink: ["–"] * 5, "#FFFFFF": ["0.02", "0.02"], "#000000": ["0.08", "0.08"]}


def test_cells_too_narrow_for_a_number_have_none():
    assert len(drawn(np.eye(64))) == 1
