"""A cell says the figure, its change and how sure it is."""

import pytest

from components.strip.cells import cell
from components.words import humanise, plural
from core.cost.figure import Figure, exact


def test_an_exact_figure_says_so_and_how_it_moved():
    found = cell("Total parameters", exact(300, "parameters", "x"), exact(200, "parameters", "x"))
    assert (found.value, found.unit, found.delta, found.note, found.band) == (
        "300",
        "",
        "↑\u200950.0\u2009%",
        "exact",
        None,
    )
    assert found.said == "up\u200950.0\u2009% against before the last edit, exact"


def test_an_estimate_carries_its_band():
    figure = Figure(0.91e-3, "s / token", "x", (), "fitted", 0.78e-3, 1.1e-3)
    found = cell("H100", figure)
    assert (found.value, found.unit, found.delta) == ("0.91", "ms / token", "")
    assert (found.note, found.band) == ("0.78–1.10", (0.78e-3, 0.91e-3, 1.1e-3))


def test_without_a_figure_the_reason_stands_there():
    found = cell("ZCU104", None, extra="DRAM: 47 GB of 2 GB")
    assert (found.value, found.unit, found.note) == ("–", "does not fit", "DRAM: 47 GB of 2 GB")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("kv_heads", "KV heads"),
        ("score_function", "Score function"),
        ("LinearScore", "Linear score"),
        ("k", "Experts per token"),
    ],
)
def test_names_are_said_in_words(name, said):
    assert humanise(name) == said


def test_plurals():
    assert (plural(1, "layer"), plural(2, "layer"), plural(2, "patch", "patches")) == (
        "1 layer",
        "2 layers",
        "2 patches",
    )
