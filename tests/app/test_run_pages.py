"""Train, Routing, Runs and Export with nothing, with runs, and pressed."""

import shlex
from argparse import ArgumentParser
from dataclasses import replace

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from app.commands import train
from app.designs import read_design, with_values
from app.errors import UserError
from app.lineage import lineage
from app.views import _runs
from app.views._train.choice import Choice
from core.cost.format import letters
from core.data.ingest import Options, ingest
from core.data.load import sources
from core.data.own.files import Upload
from core.design.bodies.moe import Moe
from core.design.edit import SetValue
from core.design.edits import apply
from core.design.match import match_task
from core.design.plan import Plan
from core.design.presets.methods import method_edit
from core.design.presets.registry import preset
from core.design.spec import Design
from core.trace.record import write
from storage import drafts, jobs, metrics, runs, work
from storage.database import Database
from storage.drafts import Document
from storage.status import Status
from storage.tables import RunRow
from tests.app import seed
from tests.app.visiting import button, said
from tests.core.trace.make import make_soft

TRAIN, ROUTING, RUNS, EXPORT = "train", "routing", "runs", "export"


@pytest.fixture
def ids(db: Database) -> dict[str, str]:
    """Runs in that folder."""
    return seed.seed(db.root)


def visit(page: str, run: str | None = None, **routing: str) -> AppTest:
    """The page, run once; `routing` is what the address says of the Routing page."""
    app = AppTest.from_file("../../app/main.py", default_timeout=60)
    if run is not None:
        app.query_params["run"] = run
    app.run()
    app = app.switch_page(f"views/{page}.py")
    for name, value in routing.items():
        app.query_params[f"routing.{name}"] = value
    return again(app)


def again(app: AppTest) -> AppTest:
    """One more rerun, without a defect."""
    app.run()
    assert not app.exception
    assert not app.error
    return app


@pytest.mark.parametrize("page", [ROUTING, RUNS, EXPORT])
def test_without_a_run_pages_say_what_will_be_there(db, page):
    app = visit(page)
    assert len(app.title) == 1
    assert "trained" in said(app) or "Train" in said(app)


def test_the_train_page_begins_with_the_starter(db):
    app = visit(TRAIN)
    assert app.selectbox(key="train.design").value == "starter"
    assert "422" in said(app)
    assert app.code[0].value == "python -m app train starter --data text --steps 800 --seed 0"
    assert not button(app, "train.start").disabled


@pytest.mark.parametrize("name", ["starter", "fine-grained", "tabular"])
def test_the_command_for_an_own_design_trains_what_the_button_trains(db, tmp_path, name):
    """The plan of the run is what the command line makes of the words shown, with the file saved."""
    design = apply(preset(name), SetValue(path="/norm/epsilon", value=1e-3))
    draft = drafts.create(db, Document(design.name, design.model_dump_json(), design.sha))
    app = AppTest.from_file("../../app/main.py", default_timeout=60)
    app.query_params["design"] = draft.id
    app.run()
    app = again(app.switch_page("views/train.py"))
    words = shlex.split(app.code[0].value)[4:]
    file = tmp_path / words[0]
    assert file.name == f"{draft.id}.json"
    file.write_text(design.model_dump_json())
    parser = ArgumentParser()
    train.add_arguments(parser)
    asked = parser.parse_args([str(file), *words[1:]])
    read, plan = with_values(*read_design(asked.design), asked.values)
    plan = plan.replaced(data=asked.data, steps=asked.steps, seed=asked.seed)
    button(app, "train.start").click().run()
    (run,) = runs.listing(db)
    assert (read, plan) == (design, runs.get(db, run.id).plan)


def test_one_click_that_calls_back_twice_starts_one_run(db):
    app = visit(TRAIN)
    start = button(app, "train.start")
    arguments = app.session_state["studio.request.train"]
    start.click().run()
    assert not app.exception
    (run,) = runs.listing(db)
    assert run.request_id == arguments
    assert run.status is Status.QUEUED
    assert app.query_params["run"] == run.id
    assert app.title[0].value == "Starter"
    again(app)
    assert len(runs.listing(db)) == 1


def test_where_weights_come_from_is_always_said(db):
    app = visit(TRAIN)
    assert "train.plan.starter.start" not in app.session_state
    assert "No run has weights of this shape yet" in said(app)


def test_export_says_that_a_file_asks_for_the_task(db):
    base = preset("digits-vit")
    (bank, *_) = (placed.pointer for placed in base.parts() if isinstance(placed.part.body, Moe))
    design = apply(base, method_edit(base, bank, "m3vit"))
    assert isinstance(design, Design)
    run = runs.create(
        db, Document(design.name, design.model_dump_json(), design.sha), Plan(), "digits-tasks", "asked"
    )
    app = visit(EXPORT, run.id)
    assert f"in its input task_ids: 0 is {design.task.task_names[0]}, 1 is" in said(app)


def test_runs_of_experiments_are_listed_when_asked_for(db, ids):
    with db.write() as session:
        row = session.get(RunRow, ids["paused"])
        row.tags = ["claim", "x1", "learned"]
        session.add(row)
    app = visit(RUNS)
    assert "2 runs of yours" in said(app)
    assert ids["paused"] not in set(app.dataframe[0].value["Run"])
    app.toggle(key="runs.experiments").set_value(True)
    again(app)
    assert set(app.dataframe[0].value["Run"]) == set(ids.values())


def test_a_design_that_does_not_fit_the_data_is_mended_by_a_click(db):
    app = visit(TRAIN)
    app.selectbox(key="train.data").set_value("table:wine").run()
    assert button(app, "train.start").disabled
    assert "is table data" in said(app)
    button(app, "train.fix.0.0").click().run()
    again(app)
    assert not button(app, "train.start").disabled
    assert app.selectbox(key="train.design").value == app.query_params["design"]


def test_another_design_brings_data_that_suits_it_and_keeps_data_that_does(db):
    app = visit(TRAIN)
    app.selectbox(key="train.design").set_value("digits-vit").run()
    again(app)
    assert app.selectbox(key="train.data").value == "digits"
    assert not button(app, "train.start").disabled
    app.selectbox(key="train.design").set_value("fine-grained").run()
    assert app.selectbox(key="train.data").value == "text"
    app.selectbox(key="train.design").set_value("starter").run()
    assert app.selectbox(key="train.data").value == "text"
    assert app.code[0].value == "python -m app train starter --data text --steps 800 --seed 0"


def test_an_own_design_opens_with_data_of_its_heads(db):
    facts = next(source for source in sources() if source.name == "table:breast_cancer").open().facts
    edit = match_task(preset("tabular"), facts)
    design = apply(preset("tabular"), edit) if edit else None
    assert isinstance(design, Design)
    draft = drafts.create(db, Document(design.name, design.model_dump_json(), design.sha))
    app = AppTest.from_file("../../app/main.py", default_timeout=60)
    app.query_params["design"] = draft.id
    app.run()
    app = again(app.switch_page("views/train.py"))
    assert app.selectbox(key="train.data").value == "table:breast_cancer"
    assert not button(app, "train.start").disabled


def test_stored_data_is_listed_by_its_folder_alone(db):
    facts = ingest([Upload("mine.csv", b"a,b\n" + b"1,x\n2,y\n" * 40)], db.root, Options(targets=("b",)))
    assert facts.name in {source.name for source in sources(db.root)}
    app = visit(TRAIN)
    app.selectbox(key="train.data").set_value(facts.name).run()
    assert not app.exception
    assert "80 examples" in said(app)


def test_a_plan_that_starts_from_a_run_keeps_its_lineage(db, monkeypatch):
    starter = preset("starter")
    first = runs.create(
        db, Document("tiny", starter.model_dump_json(), starter.sha), Plan(), "digits", "first"
    ).id
    monkeypatch.setattr(Choice, "plan", property(lambda self: Plan(steps=5, start_from=first)))
    button(visit(TRAIN), "train.start").click().run()
    run = next(run for run in runs.listing(db) if run.id != first)
    assert (run.parent, run.relation) == (first, "fine_tune")
    assert lineage(db, starter, Plan(start_from=first, data="digits")) == (first, "extend")
    assert lineage(db, starter, Plan()) == (None, None)


def test_a_start_whose_weights_do_not_fit_is_refused_before_the_run(db, monkeypatch):
    wide = preset("starter").model_copy(update={"width": 96})
    first = runs.create(db, Document("wide", wide.model_dump_json(), wide.sha), Plan(), "text", "first").id
    monkeypatch.setattr(Choice, "plan", property(lambda self: Plan(steps=5, start_from=first)))
    app = visit(TRAIN)
    button(app, "train.start").click().run()
    words = f"The weights of {first} do not fit this design: embedding.weight is 256 x 96 there and 256 x 64"
    assert words in said(app)
    assert "To fix this" in said(app)
    assert [run.id for run in runs.listing(db)] == [first]
    runs.stop(db, first)
    with pytest.raises(UserError, match=f"{first} has no weights to start from. To fix this"):
        lineage(db, wide, Plan(start_from=first))


def test_the_length_may_be_seconds(db):
    app = visit(TRAIN)
    next(g for g in app.segmented_control if g.label == "Train for").set_value("Seconds").run()
    assert "--seconds 120" in app.code[0].value
    assert "timed" in said(app)


def test_a_done_run_shows_its_figures_and_events(ids):
    app = visit(TRAIN, ids["done"])
    labels = {metric.label: metric.value for metric in app.metric}
    assert labels["Dead experts"] == "0 of 24"
    assert labels["Busiest expert"].endswith("× fair share")
    assert "is hardest" in said(app)
    # Layers are called as on the drawing, not by their paths.
    assert app.dataframe[0].value["Event"][0] == "Expert 5 of layer 2 is used again."
    assert not [b for b in app.button if b.key in {"train.pause", "train.stop", "train.resume"}]


@pytest.mark.parametrize("evaluated", [True, False])
def test_a_domain_without_a_label_in_the_last_window_keeps_its_name(db, monkeypatch, evaluated):
    def rows(plan, reached):
        found = list(written(plan, reached))
        if not evaluated:
            found = [row.model_copy(update={"held_out": {}, "domain_loss": {}}) for row in found]
        loss = {name: value for name, value in found[-1].domain_loss.items() if name != "cpp"}
        return [*found[:-1], found[-1].model_copy(update={"domain_loss": loss})]

    written = seed.rows
    monkeypatch.setattr(seed, "rows", rows)
    run = seed.write_run(db, Status.DONE, "seed-gap", steps=700, reached=700)
    rows_now = metrics.read(db, run)
    assert _runs.domains(runs.get(db, run), rows_now, len(seed.DOMAINS)) == list(seed.DOMAINS)


def test_training_loss_instead_of_held_out_loss(ids):
    app = visit(TRAIN, ids["done"])
    app.segmented_control(key="train.which").set_value("Training").run()
    assert "Training loss per domain, nats per byte." in said(app)


def test_a_paused_run_can_be_resumed_and_stopped(ids, db):
    app = visit(TRAIN, ids["paused"])
    button(app, "train.resume").click().run()
    again(app)
    assert runs.get(db, ids["paused"]).status is Status.QUEUED
    button(app, "train.stop").click().run()
    again(app)
    assert runs.get(db, ids["paused"]).status is Status.STOPPED


@pytest.mark.parametrize("press", [None, "train.resume", "train.stop"])
def test_a_run_deleted_in_another_tab_is_said_and_closed(ids, db, press):
    app = visit(TRAIN, ids["paused"])
    runs.erase(db, ids["paused"])
    if press is not None:
        button(app, press).click()
    again(app)
    assert "There is no run" in said(app)
    assert button(app, "train.start")


def test_a_button_that_is_too_late_says_so(ids, db):
    app = visit(TRAIN, ids["paused"])
    with db.write() as session:
        work.changed(session, RunRow, RunRow.id == ids["paused"], status=Status.DONE.value)
    button(app, "train.resume").click()
    again(app)
    assert "only a paused, stopped, lost or failed run can be resumed" in said(app)


def test_a_run_stopped_while_paused_is_told_to_be_resumed_and_can_be(ids, db):
    runs.stop(db, ids["paused"])
    assert "has no trace" in said(app := visit(ROUTING, ids["paused"]))
    assert "Resume it" in said(app)
    button(visit(TRAIN, ids["paused"]), "train.resume").click().run()
    assert runs.get(db, ids["paused"]).status is Status.QUEUED


def test_a_queued_run_says_where_it_stands(ids, db):
    app = visit(TRAIN, ids["queued"])
    button(app, "train.pause").click().run()
    again(app)
    assert runs.get(db, ids["queued"]).status is Status.PAUSED


def test_a_lost_run_says_so_and_offers_to_go_on(db):
    lost = seed.write_run(db, Status.LOST, "seed-lost", steps=700, reached=310)
    app = visit(TRAIN, lost)
    assert button(app, "train.resume").label.startswith("Resume")


def test_a_link_to_no_run_is_said_and_dropped(db):
    app = visit(TRAIN, "gone-123456")
    assert "There is no run 'gone-123456'" in said(app)
    assert "run" not in app.query_params
    assert app.title[0].value == "Train"


@pytest.mark.parametrize("name", [ROUTING, EXPORT])
def test_a_link_to_no_run_shows_no_other_run(ids, name):
    app = visit(name, "gone-123456")
    assert "There is no run 'gone-123456'" in said(app)
    assert app.query_params["run"] == "gone-123456"
    assert app.title[0].value == "No such run"
    assert "Specialization" not in said(app)
    button(app, "runs.other").click().run()
    again(app)
    assert app.query_params["run"] == ids["done"]
    assert app.title[0].value != "No such run"


def test_routing_names_the_dead_expert_and_the_special_layer(ids):
    app = visit(ROUTING, ids["done"])
    assert "1 of 24 experts gets no token" in said(app)
    assert "Specialization peaks in layer 3" in said(app)
    assert app.selectbox(key="routing.layer").value == seed.PATHS[2]


def test_routing_looks_closely_at_the_chosen_expert(ids):
    app = visit(ROUTING, ids["done"])
    app.selectbox(key="routing.expert").set_value(2).run()
    again(app)
    assert "Expert 2 of layer 3 prefers python" in said(app)
    app.selectbox(key="routing.expert").set_value(7).run()
    again(app)
    assert "Expert 7 of layer 3 gets no token" in said(app)


def test_routing_of_one_domain(ids):
    app = visit(ROUTING, ids["done"])
    app.segmented_control(key="routing.domain").set_value("cpp").run()
    again(app)
    assert "Share of cpp picks each expert receives" in said(app)


@pytest.mark.parametrize("alone", [False, True])
def test_layers_that_select_nothing_show_shares(ids, db, alone):
    path = next((db.root / "runs" / ids["done"] / "traces").glob("*.npz"))
    trace = make_soft()
    if alone:
        (_, header), (_, layer) = trace.header.layers, trace.layers
        trace = replace(trace, header=trace.header.model_copy(update={"layers": (header,)}), layers=(layer,))
    write(path, trace)
    app = visit(ROUTING, ids["done"])
    assert "Expert 1 has the largest share in python: 2.8 times an even one" in said(app)
    assert "nothing is selected or dropped, so there is no load" in said(app)
    assert ("Share of picks each expert receives" in said(app)) == (not alone)


def test_routing_over_training_is_played_from_one_payload(ids):
    app = visit(ROUTING, ids["done"], section="Over training")
    assert "Layer 3 drew apart most" in said(app)
    assert "in 70 windows of the training, up to step 700" in said(app)
    assert f"python -m app runs show {ids['done']} --json" in app.code[0].value


def test_a_run_that_has_counted_nothing_says_so_over_training(ids):
    assert "never routed a token" in said(visit(ROUTING, ids["queued"], section="Over training"))


def test_live_figures_of_layers_that_select_nothing_are_shares(db, monkeypatch):
    plain = seed.rows

    def rows(plan, reached):
        share = ((0.1, 0.7, 0.1, 0.1), *[(0.25,) * 4] * 4)
        soft = {"layers": (), "domain_expert": {}, "domain_share": {"decoder.0.1": share}}
        return [row.model_copy(update=soft if row.domain_expert else {}) for row in plain(plan, reached)]

    monkeypatch.setattr(seed, "rows", rows)
    app = visit(TRAIN, seed.write_run(db, Status.PAUSED, "soft", steps=700, reached=320))
    assert "Expert 1 has the largest share in english: 2.8 times an even one" in said(app)
    assert "nothing is selected" in said(app)


def test_a_run_without_a_trace_says_why(ids):
    assert "has no trace" in said(visit(ROUTING, ids["paused"]))
    assert "still training" in said(visit(ROUTING, ids["queued"]))


def test_a_damaged_trace_is_an_error_in_words(ids, db):
    path = next((db.root / "runs" / ids["done"] / "traces").glob("*.npz"))
    path.write_bytes(b"no zip")
    assert "cannot be read as a trace" in said(visit(ROUTING, ids["done"]))


def test_two_runs_are_compared_setting_by_setting(ids):
    app = visit(RUNS, ids["done"])
    second = next(box for box in app.selectbox if box.label == "Compare with")
    second.set_value(ids["paused"]).run()
    again(app)
    assert "1 setting differs: 1 in the plan" in said(app)
    settings = next(table.value for table in app.table if "setting" in table.value.columns)
    assert settings.iloc[0].tolist() == ["Plan", "seed", "0", "1"]
    assert f"{ids['done']} is at a held-out loss of" in said(app)


def test_a_run_is_deleted_only_after_the_second_click(ids, db):
    app = visit(RUNS, ids["paused"])
    button(app, "runs.delete").click().run()
    assert ids["paused"] in runs.ids(db)
    confirm = button(app, "runs.confirm")
    assert confirm.label == f"Delete run {ids['paused']}"
    confirm.click().run()
    again(app)
    assert ids["paused"] not in runs.ids(db)


def test_an_export_is_queued_once(ids, db):
    app = visit(EXPORT, ids["done"])
    request = app.session_state["studio.request.export"]
    button(app, "export.start").click().run()
    again(app)
    (job,) = jobs.listing(db)
    assert (job.request_id, job.kind, job.run_id) == (request, "export", ids["done"])
    assert job.arguments == {"target": "onnx", "routing": True}
    assert "Exporting" in said(app)


def test_parity_that_holds_is_told_by_layer_with_the_file(ids, db):
    seed.write_export(db, ids["done"], "export")
    app = visit(EXPORT, ids["done"])
    assert "The file answers as the run does on 4\u2009096 answers" in said(app)
    assert app.dataframe[0].value["Same experts"].tolist() == ["99.97\u2009%"] * 3
    assert any(found.label.startswith("model.onnx") for found in app.get("download_button"))


def test_parity_that_fails_is_said_with_its_reason_and_no_file(ids, db):
    seed.write_export(db, ids["done"], "export", hard=3)
    app = visit(EXPORT, ids["done"])
    assert "Parity failed, so no file was kept: 9 tokens went to other experts" in said(app)
    assert not any("model.onnx" in found.label for found in app.get("download_button"))


def test_a_run_without_weights_cannot_be_exported(ids):
    app = visit(EXPORT, ids["queued"])
    assert button(app, "export.start").disabled
    assert "no weights to take away" in said(app)


def test_the_list_of_runs_writes_numbers_as_the_studio_does_and_keeps_them(db, ids):
    shown = visit(RUNS).dataframe[0]
    display = pa.ipc.open_stream(shown.proto.arrow_data.styler.display_values).read_pandas()
    words = display["Parameters"].tolist()
    values = shown.value["Parameters"].tolist()
    assert words == [letters(value) for value in values]
    assert all(word.endswith("\u2009k") for word in words)
