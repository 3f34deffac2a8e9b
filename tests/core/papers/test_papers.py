"""The catalogue is whole, and what its papers name exists: files, presets, arms, measures."""

import inspect
import re
import sys
from pathlib import Path

import pytest

from core.claims.naming import asked, parse
from core.design.presets.methods import METHODS
from core.design.presets.registry import names
from core.papers.base import Experiment, Paper
from core.papers.registry import (
    AFTER_TRAINING,
    BASELINES,
    ROUTING,
    UnknownPaperError,
    experiment,
    experiments,
    paper,
    papers,
)

ROOT = Path(__file__).parents[3]
FILE = re.compile(r"\b(?:core|tests)/[\w/]+\.py\b")
METHOD = {method.name: method for method in METHODS}
every_paper = pytest.mark.parametrize("entry", papers(), ids=lambda entry: entry.name)
every_experiment = pytest.mark.parametrize("entry", experiments(), ids=lambda entry: entry.id)


def docstring(entry: Paper) -> str:
    """The docstring of the file that holds a paper."""
    return inspect.getdoc(sys.modules[f"core.papers.{entry.name}"]) or ""


def test_the_catalogue_has_all_29_papers_once():
    assert (len(ROUTING), len(AFTER_TRAINING)) == (15, 14)
    assert papers() == (*ROUTING, *AFTER_TRAINING, *BASELINES)
    for what in ("name", "short", "title", "source"):
        assert len({getattr(entry, what) for entry in papers()}) == len(papers())


def test_every_file_of_a_paper_is_listed():
    files = {path.stem for path in (ROOT / "core/papers").glob("*.py")} - {"__init__", "base", "registry"}
    assert files == {entry.name for entry in papers()}


def test_experiments_are_numbered_without_a_gap():
    assert [entry.id for entry in experiments()] == [f"x{number}" for number in range(1, 21)]


@every_paper
def test_a_source_is_an_arxiv_id_of_its_year(entry: Paper):
    found = re.fullmatch(r"arXiv (\d\d)(\d\d)\.\d{5}", entry.source)
    assert found
    assert 2000 + int(found[1]) == entry.year
    assert 1 <= int(found[2]) <= 12


@every_paper
def test_the_file_tree_leads_to_equation_code_tests_and_presets(entry: Paper):
    """A newcomer reads where each part of a built method lives, and finds it there."""
    text = docstring(entry)
    assert entry.source in text
    assert [name for name in FILE.findall(text) if not (ROOT / name).is_file()] == []
    if entry.status == "planned":
        return
    assert "Equation: core/model/" in text
    assert "Tests: tests/core/" in text
    for room in ("core/", "tests/"):
        files = [ROOT / name for name in FILE.findall(text) if name.startswith(room)]
        assert any(entry.source in file.read_text() for file in files), room
    for preset in entry.presets:
        if preset in METHOD:
            written = METHOD[preset].write.__module__.replace(".", "/") + ".py"
            assert f"`{preset}`" in text
            assert written in text


@every_paper
def test_presets_exist_and_name_the_same_source(entry: Paper):
    assert [name for name in entry.presets if name not in METHOD and name not in names()] == []
    for name in entry.presets:
        if name in METHOD:
            assert METHOD[name].source in docstring(entry)


@every_paper
def test_a_built_paper_has_a_preset_and_an_experiment_and_a_planned_one_has_neither(entry: Paper):
    assert bool(entry.presets) == bool(entry.experiments) == (entry.status == "built")


@every_paper
def test_braces_and_environments_of_a_formula_are_closed(entry: Paper):
    plain = re.sub(r"\\[{}]", "", entry.formula)
    depth = 0
    for letter in plain:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        assert depth >= 0
    assert depth == 0
    assert re.findall(r"\\begin\{(\w+)\}", plain) == re.findall(r"\\end\{(\w+)\}", plain)
    assert len(re.findall(r"\\left\b", plain)) == len(re.findall(r"\\right\b", plain))


@every_experiment
def test_an_experiment_names_arms_and_measures_that_exist(entry: Experiment):
    arms = [arm.name for arm in entry.arms]
    assert len(set(arms)) == len(arms)
    for arm in entry.arms:
        assert arm.method in ("", *METHOD)
        assert arm.start_from is None or arm.start_from in arms
        for measure in asked(entry, arm.name):
            parse(measure)
    for expect in entry.expects:
        assert expect.left in arms
        assert expect.right in ("", *arms)
        # Against a number there is nothing to multiply and nothing else to measure.
        assert expect.right or (expect.factor == 1 and not expect.right_measure)
    assert entry.expects[0].firm
    assert entry.seeds >= 5


def test_a_paper_is_found_by_its_name_or_its_experiment():
    assert paper("smear").short == "SMEAR"
    assert paper("x6") is paper("smear")
    assert experiment("x20").base == "starter"


@pytest.mark.parametrize(("ask", "wrong", "near"), [(paper, "smaer", "smear"), (experiment, "x111", "x11")])
def test_an_unknown_name_is_told_with_the_nearest(ask, wrong, near):
    with pytest.raises(UnknownPaperError, match=f"Did you mean '{near}'. To fix this, pick one of"):
        ask(wrong)
