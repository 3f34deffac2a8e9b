"""What is said of two runs, without a page."""

from typing import Any

import pytest

from app.comparing_losses import losses, verdict
from app.comparing_runs import Pair, differences, headline
from app.switched import words as switched
from core.design.edit import SetValue
from core.design.edits import apply
from core.design.facts import MetricsRow
from core.design.override import PRESET, Given, Override, Pick, Random, Rank, TopK, TopP, write_preset
from core.design.plan import Plan
from core.design.presets.registry import preset
from storage import files, runs
from storage.database import Database
from storage.drafts import Document
from storage.records import RunPublic
from tests.app import seed


def made(db: Database, name: str, plan: Plan | None = None, data: str = "text", **edits: Any) -> RunPublic:
    """A run of the text starter, with fields of the design changed."""
    design = preset("starter")
    for path, value in edits.items():
        design = apply(design, SetValue(path=path, value=value))
    return runs.create(
        db, Document(design.name, design.model_dump_json(), design.sha), plan or Plan(), data, name
    )


@pytest.fixture
def pair(db: Database) -> Pair:
    return made(db, "one"), made(db, "other")


def test_settings_that_differ_are_said_in_the_words_of_the_pages(db: Database) -> None:
    one = made(db, "one", Plan(steps=5))
    k = "/stacks/0/layers/0/pattern/0/parts/1/body/router/select/k"
    asked = Plan(steps=9, mixture={"cpp": 0.5}, optimizer={"rate": 1e-3})
    other = made(db, "other", asked, "tables", **{k: 1, "/width": 96})
    found = differences(db, one, other)
    assert [each[1:] for each in found] == [
        ("Whole design", "model width", "64", "96"),
        ("Layers 1–3, MoE layer", "experts per token", "2", "1"),
        ("Plan", "mixture", "none", "cpp 0.5"),
        ("Plan", "steps", "5", "9"),
        ("Plan", "optimizer rate", "0.003", "0.001"),
        ("Data", "name", "text", "tables"),
    ]
    assert headline(found) == "6 settings differ: 2 in the design, 3 in the plan, 1 in the data"
    assert headline(differences(db, one, one)) == "Nothing was set differently"


def test_the_order_of_a_mixture_is_no_difference(db: Database) -> None:
    mixtures = {"cpp": 0.5, "python": 0.5}, {"python": 0.5, "cpp": 0.5}
    one, other = (made(db, f"{i}", Plan(mixture=mixture)) for i, mixture in enumerate(mixtures))
    assert differences(db, one, other) == ()


def test_data_that_is_not_known_yet_is_no_difference(db: Database, pair: Pair) -> None:
    one, other = pair
    read = one.model_copy(update={"data_fingerprint": "0123456789abcdef"})
    changed = other.model_copy(update={"data_fingerprint": "fedcba9876543210"})
    assert differences(db, read, other) == ()
    assert differences(db, read, changed) == (("data", "Data", "contents", "0123456789ab", "fedcba987654"),)


def test_switched_experts_are_differences(db: Database, pair: Pair) -> None:
    one, other = pair
    folder = files.folder(db.root, "runs", other.id)
    asked = Override(suppress=(5, 3), bias={1: 2.0}, pick=TopK(kind="top_k", k=1), scope="decode")
    write_preset(folder, {seed.PATHS[1]: asked})
    found = differences(db, one, other)
    assert [each[1:] for each in found] == [
        ("Layer 2", "experts switched off", "none", "3, 5"),
        ("Layer 2", "added to logits", "nothing", "expert 1: +2"),
        ("Layer 2", "experts picked", "as designed", "the best 1"),
        ("Layer 2", "tokens", "all", "generated"),
    ]
    assert headline(found) == "4 settings differ: 4 in the routing"
    write_preset(folder, {seed.PATHS[1]: Override(scope="decode")})
    assert differences(db, one, other) == ()


def test_a_damaged_file_of_switches_hides_nothing_else(db: Database) -> None:
    one, other = made(db, "one"), made(db, "other", Plan(seed=1))
    folder = files.folder(db.root, "runs", other.id)
    folder.mkdir(parents=True)
    (folder / PRESET).write_text("{")
    assert [each[1:] for each in differences(db, one, other)] == [
        ("Plan", "seed", "0", "1"),
        ("Experts", "file of what is switched", "can be read", "cannot be read"),
    ]


@pytest.mark.parametrize(
    ("pick", "words"),
    [
        (TopK(kind="top_k", k=2), "the best 2"),
        (Rank(kind="rank", r=2), "only the one of rank 2"),
        (TopP(kind="top_p", p=0.5), "the fewest whose probabilities reach 0.5"),
        (Random(kind="random", k=2), "2 by chance, seed 0"),
        (Given(kind="given", experts=(5, 3)), "3, 5 for every token"),
    ],
)
def test_a_pick_in_words(pick: Pick, words: str) -> None:
    assert switched(Override.model_validate({"pick": pick}))["experts picked"] == words


def rows(*held_out: float, last: int = 20) -> tuple[MetricsRow, ...]:
    """An evaluation at the start and one at the last step."""
    return tuple(
        MetricsRow(step=step, seconds=step, loss=9.0, held_out={"loss": loss})
        for step, loss in zip((0, last), held_out, strict=True)
    )


TRAINING = (MetricsRow(step=10, seconds=1.0, loss=3.0),)


@pytest.mark.parametrize(
    ("recorded", "words"),
    [
        (((), ()), "Neither run has figures"),
        ((TRAINING, ()), "{other} has no training loss"),
        ((TRAINING, rows(3.0, 2.0)), "{one} has no held-out loss"),
        ((rows(3.0, 2.0), rows(3.0, 1.5)), "{other} is at a held-out loss of 1.50, {one} at 2.00"),
        (
            (rows(3.0, 1.0, last=10_040), rows(3.0, 1.5, last=1)),
            "{one} is at a held-out loss of 1.00 after 10\u2009040 steps, {other} at 1.50 after 1",
        ),
        ((rows(3.0, 2.0), rows(3.0, 2.001)), "Both are at a held-out loss of about 2.00"),
        ((rows(3.0, 1e-4), rows(3.0, 4.9e-3)), "{one} is at a held-out loss of 0.000100, {other} at 0.00490"),
    ],
)
def test_which_run_ended_lower(
    pair: Pair, recorded: tuple[tuple[MetricsRow, ...], tuple[MetricsRow, ...]], words: str
) -> None:
    one, other = pair
    assert verdict(pair, losses(pair, recorded)) == words.format(one=one.id, other=other.id)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"data": "tables"}, "were trained on different data"),
        ({"/task/context": 32}, "have different tasks"),
        ({"plan": Plan(evaluate_examples=1)}, "were measured on different examples"),
        ({"plan": Plan(context=8)}, "were measured on different examples"),
    ],
)
def test_losses_that_are_not_the_same_quantity_are_not_compared(
    db: Database, asked: dict[str, Any], why: str
) -> None:
    pair = made(db, "one"), made(db, "other", **asked)
    said = verdict(pair, losses(pair, (rows(3.0, 2.0), rows(3.0, 1.0))))
    assert said == f"The losses cannot be compared: the runs {why}"


def test_training_losses_on_other_mixtures_are_not_compared(db: Database) -> None:
    pair = made(db, "one"), made(db, "other", Plan(sampling=2.0))
    assert verdict(pair, losses(pair, (TRAINING, TRAINING))).endswith("measured on different examples")
    assert verdict(pair, losses(pair, (rows(3.0, 2.0), rows(3.0, 2.0)))).startswith("Both are at")
