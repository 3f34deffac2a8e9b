"""The What if section: what switches ask for, and what is said of the answer."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from app.routed import Routed
from app.views._routing import imaging, whatif
from core.design.override import Override
from core.probe.answers import Shift, Sweep, SweepStep, WhatIf

PATHS = ("decoder.1.1", "decoder.2.1")


def routed() -> Routed:
    layers = tuple({"path": path, "load": [3, 1], "domain_expert": [[3, 0], [0, 1]]} for path in PATHS)
    return Routed(SimpleNamespace(), Path("trace.npz"), layers, (), {path: path for path in PATHS})


def test_switches_become_overrides_of_their_layers():
    cells = {(0, 1): "off", (1, 0): "on", (1, 1): "boost"}
    assert whatif.overrides(routed(), cells, "decode") == {
        PATHS[0]: Override(suppress=(1,), scope="decode"),
        PATHS[1]: Override(force=(0,), bias={1: whatif.BOOST}, scope="decode"),
    }


def test_nothing_switched_asks_for_nothing():
    assert whatif.overrides(routed(), {}, "all") == {}


def shift(domain: str, delta: float, low: float, high: float) -> Shift:
    return Shift(domain, 8, 1.0, 1.0 + delta, delta, low, high)


def answer(*shifts: Shift) -> WhatIf:
    return WhatIf("starter-1", 10, "", (), shifts, ())


def test_the_finding_names_the_largest_change_and_what_is_not_clear():
    found = answer(shift("code", 0.31, 0.2, 0.4), shift("prose", 0.02, -0.01, 0.05))
    assert whatif.finding(found) == "code loses 0.310 nats; 1 of 2 domains do not change clearly"
    assert whatif.finding(answer(shift("code", 0.01, -0.1, 0.1))) == "No domain changes clearly"
    assert whatif.finding(answer(shift("code", -0.2, -0.3, -0.1))) == "code gains 0.200 nats"


def test_a_large_change_that_is_not_clear_does_not_lead():
    found = answer(shift("code", 0.5, -0.1, 1.1), shift("prose", 0.1, 0.05, 0.15))
    assert whatif.finding(found).startswith("prose loses 0.100 nats")


def step(size: int, ratio: float | None, low: float | None) -> SweepStep:
    row = np.array([0.4, 0.0], np.float32)
    return SweepStep(
        size, ((PATHS[0], 1),) * size, row, row - 0.1, row + 0.1, np.tile(row / 4, (20, 1)), 5.0,
        np.full(20, 5, np.float32), ratio, low, None, 0.3, 0.2, 0.4,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (
            (step(1, 2.0, 1.0), step(2, 4.0, 3.0)),
            "Without its 2 most distinctive experts code loses 0.400 nats, 4",
        ),
        ((step(1, None, None),), "Without its most distinctive expert code loses 0.400 nats; others of like"),
    ],
)
def test_the_sweep_is_told_by_its_surest_step(steps, said):
    found = Sweep("starter-1", 10, "code", ("code", "prose"), steps)
    assert imaging.finding(found).startswith(said)
    assert len(imaging.table(found)) == 2 * len(steps)


def test_switches_go_through_the_address_and_nonsense_in_it_is_no_switch():
    cells = {(1, 2): "boost", (0, 1): "off"}
    assert whatif.write_cells(cells) == "0.1.off 1.2.boost"
    assert whatif.read_cells("0.1.off 1.2.boost", (2, 3)) == cells
    assert whatif.read_cells("0.9.off 7.0.on 0.0.half x.y.z 0.1 ²", (2, 3)) == {}


def test_a_column_for_each_size_names_the_rise_and_its_controls():
    found = Sweep("s", 1, "code", ("code", "prose"), (step(1, 4.0, 2.0), step(2, 4.0, 3.0)))
    assert list(imaging.by_domain(found)) == ["domain", "1 off", "2 off"]
    assert imaging.by_domain(found)["1 off"].tolist() == ["0.400 (0.100)", "0 (0)"]
