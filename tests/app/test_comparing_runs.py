"""What is said of two runs, without a page."""

import pytest

from app.comparing_runs import Pair, differences, headline, losses, verdict
from app.errors import UserError
from core.design.edit import SetValue
from core.design.edits import apply
from core.design.facts import MetricsRow
from core.design.override import PRESET, Override, TopK, write_preset
from core.design.plan import Plan
from core.design.presets.registry import preset
from storage import files, runs
from storage.database import Database
from storage.drafts import Document
from storage.records import RunPublic
from tests.app import seed


def made(db: Database, name: str, plan: Plan | None = None, data: str = "text", **edits: object) -> RunPublic:
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
    assert found == tuple(
        ("routing", "Layer 2", setting, "–", value)
        for setting, value in (
            ("experts switched off", "3, 5"),
            ("added to logits", "expert 1: +2"),
            ("experts picked by", "top k, 1"),
            ("tokens", "decode"),
        )
    )
    assert headline(found) == "4 settings differ: 4 in the routing"
    (folder / PRESET).write_text("{")
    with pytest.raises(UserError, match="To fix this, save the overrides again"):
        differences(db, one, other)


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
        (((), ()), "Neither run has figures yet"),
        ((TRAINING, ()), "{other} has no training loss yet"),
        ((TRAINING, rows(3.0, 2.0)), "{one} has no held-out loss yet"),
        ((rows(3.0, 2.0), rows(3.0, 1.5)), "{other} ends 0.50 lower in held-out loss, at 1.50"),
        (
            (rows(3.0, 1.0), rows(3.0, 1.5, last=10)),
            "{one} ends 0.50 lower in held-out loss, at 1.00 after 20 steps, {other} after 10",
        ),
        ((rows(3.0, 2.0), rows(3.0, 2.001)), "Both end at a held-out loss of 2.00"),
    ],
)
def test_which_run_ended_lower(
    pair: Pair, recorded: tuple[tuple[MetricsRow, ...], tuple[MetricsRow, ...]], words: str
) -> None:
    one, other = pair
    assert verdict(pair, losses(pair, recorded)) == words.format(one=one.id, other=other.id)


def test_losses_on_different_data_are_not_compared(pair: Pair) -> None:
    one, other = pair
    elsewhere = one, other.model_copy(update={"data": "tables"})
    said = verdict(elsewhere, losses(elsewhere, (rows(3.0, 2.0), rows(3.0, 1.0))))
    assert said == "The runs were trained on different data: their losses cannot be compared"
