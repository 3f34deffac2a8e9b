"""Numbers as the studio writes them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cost import format as fmt
from core.cost.figure import Figure, exact


def plain(text: str) -> str:
    return text.replace("\u2009", " ")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (46_702_792_704, "46.7 B"),
        (602_900_000, "602.9 M"),
        (8_200.5, "8.2 k"),
        (1024, "1 024"),
        (8192, "8 192"),
        (16_384, "16.4 k"),
        (14_000_000, "14.0 M"),
        (999_960, "1.0 M"),
        (0, "0"),
        (7, "7"),
        (-1_500_000, "\u22121.5 M"),
        (671_026_404_352, "671.0 B"),
        (1.5e12, "1.5 T"),
        (0.125, "0.125"),
    ],
)
def test_counts(value, text):
    assert plain(fmt.count(value)) == text


@pytest.mark.parametrize(
    ("function", "value", "text"),
    [
        (fmt.size, 13.8e9, "13.8 GB"),
        (fmt.size, 1_205_800_000, "1.21 GB"),
        (fmt.size, 65_536_000, "65.5 MB"),
        (fmt.size, 512, "512 B"),
        (fmt.work, 590e6, "0.59 GFLOP"),
        (fmt.work, 5.24e6, "5.24 MFLOP"),
        (fmt.work, 0, "0 FLOP"),
        (fmt.significant, 0.5, "0.500"),
        (fmt.significant, -2.6, "\u22122.60"),
        (fmt.significant, 0.9996, "1.00"),
        (fmt.significant, math.nan, "\u2013"),
        (fmt.rounded, 2.8, "2.8"),
        (fmt.percent, 0.542, "54.2 %"),
        (fmt.percent, 0.0049, "0.5 %"),
        (fmt.percent, 2.5, "250 %"),
        (fmt.percent, 0, "0 %"),
        (fmt.points, 0.012, "+1.2 points"),
        (fmt.points, -0.012, "\u22121.2 points"),
        (fmt.seconds, 0.00091, "0.91 ms"),
        (fmt.seconds, 41, "41 s"),
        (fmt.seconds, 2.5e-6, "2.5 µs"),
        (fmt.duration, 41, "41 s"),
        (fmt.duration, 130, "2 min 10 s"),
        (fmt.duration, 120, "2 min"),
        (fmt.duration, 11_100, "3 h 5 min"),
        (fmt.duration, 187_200, "2 d 4 h"),
        (fmt.ago, 12, "12 s ago"),
    ],
)
def test_units(function, value, text):
    assert plain(function(value)) == text


def test_time_left_has_a_band_in_the_same_unit():
    assert plain(fmt.left(41, 38, 46)) == "41 s left (38–46)"
    assert plain(fmt.left(130, 110, 150)) == "2 min 10 s left (1 min 50 s–2 min 30 s)"
    assert plain(fmt.left(5)) == "5 s left"


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (1000, 985, "↓ 1.5 %"),
        (1000, 1008, "↑ 0.8 %"),
        (10_000, 10_004, "same"),
        (10_000, 10_006, "↑ 0.1 %"),
        (5, 5, "same"),
        (0, 0, "same"),
        (0, 1_500_000, "↑ 1.5 M"),
        (100, 0, "↓ 100 %"),
    ],
)
def test_deltas(before, after, text):
    assert plain(fmt.delta(before, after)) == text


def test_figures_show_unit_band_and_grade():
    shown = fmt.show(Figure(0.91e-3, "s / token", "x", (), "fitted", 0.78e-3, 1.1e-3))
    assert (shown.value, shown.unit, shown.band, shown.grade) == ("0.91", "ms / token", "0.78–1.10", "fitted")
    shown = fmt.show(Figure(20.3e-3, "s / token", "x", (), "prior", 16.9e-3, 25e-3))
    assert (shown.value, shown.band) == ("20.3", "16.9–25.0")
    assert (
        plain(str(fmt.show(exact(602_900_000, "parameters", "count.total")))) == "602.9 M parameters  exact"
    )
    assert plain(str(fmt.show(exact(1_205_800_000, "bytes", "memory.weights")))) == "1.21 GB  exact"
    assert plain(str(fmt.show(exact(590e6, "FLOP / token", "flops.forward")))) == "0.59 GFLOP / token  exact"
    assert fmt.show(None).value == "–"


def test_letters_from_a_thousand_on():
    assert [plain(fmt.letters(n)) for n in (999, 8200, 8192)] == ["999", "8.2 k", "8.19 k"]


@given(st.floats(-1e15, 1e15, allow_nan=False).filter(lambda x: x == 0 or abs(x) > 1e-6))
def test_three_figures_are_within_half_a_percent(value):
    text = fmt.count(value).replace("\u2009", "").replace("\u2212", "-")
    scale = {"k": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
    number = float(text[:-1]) * scale[text[-1]] if text[-1] in scale else float(text)
    assert math.isclose(number, value, rel_tol=0.00501)
