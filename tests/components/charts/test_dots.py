from components.charts import palette
from components.charts.dots import against_chance, shares
from tests.components.charts.test_curves import layers

DARK = palette.of("dark")


def test_chance_is_drawn_first_in_grey_on_the_same_axis():
    units = layers(against_chance([("layer 1", 0.06, 0.04), ("layer 2", 0.4, 0.03)], DARK))
    assert units[0]["mark"]["type"] == "bar"
    assert units[0]["mark"]["color"] == DARK.grey
    assert units[1]["mark"]["type"] == "circle"
    domains = {tuple(unit["encoding"]["x"]["scale"]["domain"]) for unit in units}
    assert len(domains) == 1
    assert next(iter(domains))[0] == 0


def test_layers_stay_in_their_order():
    units = layers(against_chance([("layer 9", 0.1, 0.0), ("layer 10", 0.2, 0.0)], DARK))
    assert units[0]["encoding"]["y"]["sort"] == ["layer 9", "layer 10"]


def test_bars_of_shares_start_at_zero_and_expectation_is_a_tick():
    units = layers(shares([("english", 0.4, 0.2), ("python", 0.6, 0.8)], DARK))
    assert [unit["mark"]["type"] for unit in units[:2]] == ["bar", "tick"]
    assert all(unit["encoding"]["x"]["scale"]["domain"][0] == 0 for unit in units)
    assert units[0]["encoding"]["x"]["scale"]["domain"][1] > 0.8
    assert [unit["encoding"]["text"]["field"] for unit in units[2:]] == ["label", "label"]


def test_percentages_have_a_thin_space():
    (rows,) = shares([("english", 0.4, 0.2)], DARK).to_dict()["datasets"].values()
    assert [row["label"] for row in rows] == ["40\u2009%"]


def test_no_rows_still_draw():
    assert layers(against_chance([], DARK))
    assert layers(shares([], DARK))
