"""The What if section: what switches ask for, and what is said of the answer."""

import argparse
import shlex
from dataclasses import replace

import numpy as np
import pytest

from app.asking import overrides
from app.commands import whatif as command
from app.views._routing import imaging, whatif
from app.views._routing.question import Question, read_cells, write_cells
from core.design.override import BOOST, Override, sendable
from core.design.presets.registry import preset
from core.probe.answers import Shift, Sweep, SweepStep, WhatIf
from core.probe.whatif import Ask

PATHS = ("decoder.1.1", "decoder.2.1")


def test_switches_become_overrides_of_their_layers():
    cells = {(0, 1): "off", (1, 0): "on", (1, 1): "boost"}
    assert Question(cells, "decode", None).overrides(PATHS) == {
        PATHS[0]: Override(suppress=(1,), scope="decode"),
        PATHS[1]: Override(force=(0,), bias={1: BOOST}, scope="decode"),
    }


def test_nothing_switched_asks_for_nothing():
    assert Question({}, "all", None).overrides(PATHS) == {}
    assert Question({}, "all", None).command("run-1", PATHS) == (
        "python -m app whatif run-1 --off LAYER:EXPERT"
    )


@pytest.mark.parametrize("scope", ["all", "prefill", "decode"])
@pytest.mark.parametrize("prompt", [None, "it's", "--json", "two\nlines\t$HOME `x`", '"é"'])
@pytest.mark.parametrize("cells", [{(0, 1): "off"}, {(0, 3): "on", (1, 0): "off", (1, 1): "boost"}])
def test_the_command_asks_what_the_page_asks(cells, scope, prompt):
    question = Question(cells, scope, prompt)
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    program, run, *words = shlex.split(question.command("run-1", PATHS))[3:]
    args = parser.parse_args([run, *words])
    design = preset("starter")
    wanted = overrides(design, args.off, args.on, args.boost, args.scope)
    assert (program, args.run_id) == ("whatif", "run-1")
    # All else that the page leaves out has the same default.
    asked = {"domains": args.domain, "tokens": args.tokens, "examples": args.examples}
    assert Ask.model_validate({"overrides": sendable(wanted), "prompts": args.prompt, **asked}) == (
        Ask.model_validate(question.sent(PATHS))
    )


def test_a_prompt_ends_with_a_word():
    assert whatif.whole_words("the quick brown f") == "the quick brown"
    assert whatif.whole_words("a = 1\n\nde") == "a = 1"
    assert whatif.whole_words("the quick ") == "the quick"
    assert whatif.whole_words("a1e2i3") == "a1e2i3"


def shift(domain: str, delta: float, low: float, high: float) -> Shift:
    return Shift(domain, 8, 1.0, 1.0 + delta, delta, low, high)


def answer(*shifts: Shift) -> WhatIf:
    return WhatIf("starter-1", 10, "", (), shifts, ())


def test_the_finding_names_the_largest_change_and_what_is_not_clear():
    found = answer(shift("code", 0.31, 0.2, 0.4), shift("prose", 0.02, -0.01, 0.05))
    assert whatif.finding(found) == "code loses 0.310 nats; 1 unclear"
    assert whatif.finding(answer(shift("code", 0.01, -0.1, 0.1))) == "No domain changes clearly"
    assert whatif.finding(answer(shift("code", -0.2, -0.3, -0.1))) == "code gains 0.200 nats"


def test_the_finding_says_how_many_lose_with_the_one_that_loses_most():
    lost = [shift(name, 0.1 * i, 0.05, 0.5) for i, name in enumerate(("a", "b", "c"), 1)]
    assert whatif.finding(answer(*lost)) == "All 3 domains lose, c most: 0.300 nats"
    more = (shift("d", -0.05, -0.1, -0.01), shift("e", 0.0, -0.1, 0.1))
    assert (
        whatif.finding(answer(*lost, *more)) == "3 of 5 domains lose, c most: 0.300 nats; 1 gains; 1 unclear"
    )
    assert whatif.finding(answer(shift("a", -0.9, -1.0, -0.8), *lost[:2])) == "a gains 0.900 nats; 2 lose"


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
            "Without its 2 most distinctive experts code loses 0.400 nats, 4.00 times its controls",
        ),
        (
            (step(1, None, None),),
            "Without its most distinctive expert code loses 0.400 nats; its controls do no harm",
        ),
    ],
)
def test_the_sweep_is_told_by_its_surest_step(steps, said):
    found = Sweep("starter-1", 10, "code", ("code", "prose"), steps)
    assert imaging.finding(found).startswith(said)
    assert len(imaging.table(found)) == 2 * len(steps)


def test_switches_go_through_the_address_and_nonsense_in_it_is_no_switch():
    cells = {(1, 2): "boost", (0, 1): "off"}
    assert write_cells(cells) == "0.1.off 1.2.boost"
    assert read_cells("0.1.off 1.2.boost", (2, 3)) == cells
    assert read_cells("0.9.off 7.0.on 0.0.half x.y.z 0.1 ².0.off", (2, 3)) == {}
    assert read_cells(f"0.{'9' * 5000}.off {'0' * 5000}.1.on 0.1.off", (2, 3)) == {(0, 1): "off"}


def test_a_column_for_each_size_names_the_rise_and_its_controls():
    found = Sweep("s", 1, "code", ("code", "prose"), (step(1, 4.0, 2.0), step(2, 4.0, 3.0)))
    assert list(imaging.by_domain(found)) == ["domain", "1 off", "2 off"]
    assert imaging.by_domain(found)["1 off"].tolist() == ["0.400 (0.100)", "0 (0)"]


def test_a_negative_rise_has_the_sign_of_a_number():
    gained = replace(step(1, None, None), delta_N=np.array([-0.4, 0.0], np.float32))
    found = Sweep("s", 1, "code", ("code", "prose"), (gained,))
    assert imaging.by_domain(found)["1 off"].tolist()[0] == "\u22120.400 (0.100)"


def test_blanks_that_were_written_are_seen():
    assert whatif._written(" to be\n") == " to be\n"
    assert whatif._written("  \n") == "␣␣↵\n"
    assert whatif._written("") == "–"
