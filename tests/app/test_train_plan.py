"""What the Train page offers of a plan: the objective a routing needs, a run to begin from."""

import re
import shlex
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from app.commands import train
from app.designs import read_design, with_values
from app.views._train.starting import starts
from core.design.edit import Edit, SetValue
from core.design.edits import apply
from core.design.plan import PerTaskAccumulate, Single, TwoPassConsistency
from core.design.presets.registry import preset
from core.design.spec import Design
from core.design.suited import difference
from storage import drafts, runs
from storage.database import Database
from storage.drafts import Document
from tests.app import seed

BODY = "/stacks/0/layers/0/pattern/0/parts/1/body"
RANDOM = {
    "score": {"kind": "uniform"},
    "select": {"kind": "sample_one"},
    "weigh": {"kind": "ones"},
    "combine": {"kind": "output_mix"},
}


def edited(name: str, *edits: Edit) -> Design:
    design = preset(name)
    for edit in edits:
        made = apply(design, edit)
        assert isinstance(made, Design), made
        design = made
    return design


def routed(name: str, **values: object) -> Design:
    """A starter with other values in every MoE layer."""
    edits = []
    for placed in preset(name).parts():
        if placed.part.body.kind == "moe":
            edits += [
                SetValue(path=f"{placed.pointer}/body/{at}", value=value) for at, value in values.items()
            ]
    return edited(name, *edits)


def page_of(db: Database, design: Design) -> AppTest:
    draft = drafts.create(db, Document(design.name, design.model_dump_json(), design.sha))
    app = AppTest.from_file("../../app/main.py", default_timeout=60)
    app.query_params["design"] = draft.id
    app.run()
    app.switch_page("views/train.py").run()
    assert not app.exception
    return app


def by_key(found: Iterable[Any], ending: str) -> Any:
    return next((one for one in found if str(one.key).endswith(ending)), None)


def test_random_routing_is_offered_two_passes_and_the_command_says_so(db: Database, tmp_path: Path) -> None:
    design = routed("starter", router=RANDOM, balance=[])
    app = page_of(db, design)
    assert by_key(app.selectbox, ".objective").value == "two_pass_consistency"
    assert any("usually trained with two pass consistency" in each.value for each in app.caption)
    by_key(app.number_input, ".two_pass_consistency.strength").set_value(2.0).run()
    words = shlex.split(app.code[0].value)[4:]
    file = tmp_path / words[0]
    file.write_text(design.model_dump_json())
    parser = ArgumentParser()
    train.add_arguments(parser)
    asked = parser.parse_args([str(file), *words[1:]])
    _, plan = with_values(*read_design(asked.design), asked.values)
    assert plan.objective == TwoPassConsistency(kind="two_pass_consistency", strength=2.0)
    by_key(app.selectbox, ".objective").set_value("single").run()
    assert "plan.objective" in app.code[0].value
    next(b for b in app.button if b.key == "train.start").click().run()
    (run,) = runs.listing(db)
    assert runs.get(db, run.id).plan.objective == Single()


def test_a_plain_text_design_has_one_objective_and_no_question_about_it(db: Database) -> None:
    app = page_of(db, preset("starter"))
    assert by_key(app.selectbox, ".objective") is None
    assert by_key(app.selectbox, ".start") is None
    assert any("It begins with random weights" in each.value for each in app.caption)


def test_the_command_line_begins_with_the_usual_objective(tmp_path: Path) -> None:
    file = tmp_path / "gates.json"
    gated = edited("digits-vit")
    parts = [p for p in gated.parts() if p.part.body.kind == "moe"]
    for placed in parts:
        made = apply(
            gated, SetValue(path=f"{placed.pointer}/body/router/condition", value={"kind": "task_gate"})
        )
        assert isinstance(made, Design)
        gated = made
    file.write_text(gated.model_dump_json())
    design, plan = read_design(str(file))
    assert plan.objective == PerTaskAccumulate(kind="per_task_accumulate")
    assert with_values(design, plan, ["plan.objective.kind=single"])[1].objective == Single()


def test_runs_whose_weights_fit_may_be_begun_from(db: Database) -> None:
    ids = seed.seed(db.root)
    design = preset("starter")
    found = starts(db, design)
    assert found
    assert set(found) <= set(ids.values())
    assert starts(db, preset("tabular")) == {}
    app = page_of(db, design)
    chosen = by_key(app.selectbox, ".start")
    assert chosen.value is None
    first = next(iter(found))
    chosen.set_value(first).run()
    assert "start_with" not in app.code[0].value
    taken = by_key(app.segmented_control, ".taken")
    taken.set_value("routers").run()
    assert "plan.start_with=routers" in app.code[0].value.replace('"', "").replace("'", "")
    assert f"plan.start_from={first}" in app.code[0].value.replace('"', "").replace("'", "")


def test_weights_fit_where_only_routers_differ() -> None:
    plain = preset("starter")
    assert difference(plain, routed("starter", router=RANDOM, balance=[])) == ""
    dense = difference(plain, preset("dense-twin"))
    assert re.search(r" is .* there and .* here$|^it (also )?has ", dense), dense
    wide = plain.model_copy(update={"width": 96})
    assert difference(plain, wide) == "embedding.weight is 256 x 96 there and 256 x 64 here"
    cut = plain.model_dump(mode="json")
    (group,) = cut["stacks"][0]["layers"][0]["pattern"][0]["parts"][1]["body"]["experts"]
    two = [{**group, "count": group["count"] // 2}] * 2
    cut["stacks"][0]["layers"][0]["pattern"][0]["parts"][1]["body"]["experts"] = two
    said = difference(Design.model_validate(cut), plain)
    assert re.fullmatch(r"\w+ of decoder\.0\.1 is (\d+ x .*) there and (.*) and \2 here", said), said
    assert difference(plain, preset("tabular"))
