"""The Layer section and Over training, on runs whose routing is known."""

from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.inference.client import Answer
from app.slot import Slot
from app.views._routing import asked, empty, sections, tour
from app.views._routing.counters import Counters, marks
from app.views._routing.panels import together
from app.views._routing.panels.registry import PANELS
from core.probe.answers import Experts
from core.trace.newest import small_traces
from core.trace.record import read, write
from storage import database, files
from storage.status import Status
from tests.app import seed
from tests.app.visiting import button, said


@pytest.fixture
def run(tmp_path, monkeypatch) -> str:
    """A run that is done, in a data folder where nothing is started."""
    monkeypatch.setenv("MOE_STUDIO_DATA", str(tmp_path))
    monkeypatch.setattr(Slot, "launch", lambda self: None)
    return seed.write_run(database.open(tmp_path), Status.DONE, "done", steps=700, reached=700)


def visit(run: str, **routing: str) -> AppTest:
    """The Routing page as an address shows it."""
    app = AppTest.from_file("../../app/main.py", default_timeout=60)
    app.query_params["run"] = run
    app.run()
    app = app.switch_page("views/routing.py")
    for name, value in routing.items():
        app.query_params[f"routing.{name}"] = value
    app.run()
    assert not app.exception
    return app


def folder(run: str, tmp_path):
    return files.folder(tmp_path, "runs", run)


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("Domains", "Most telling: python to expert 2"),
        ("Positions", "about the position"),
        ("Kinds of byte", "about the kind of byte"),
        ("Tasks", "The examples of this trace carry no task"),
    ],
)
def test_who_goes_where_with_lift_and_chance(run, label, words):
    app = visit(run, section="Layer", label=label)
    assert words in said(app)
    assert "routing" in app.code[0].value


def test_a_link_opens_a_layer_and_a_panel(run):
    app = visit(run, section="Layer", panel="Certainty", layer="Layer 1")
    assert app.selectbox(key="routing.layer").value == seed.PATHS[0]
    assert "% of an undecided router's" in said(app)
    assert "could have gone the other way" in said(app)


def test_a_link_that_names_what_is_not_there_says_so_until_something_is_chosen(run):
    wrong = {"section": "Overwiew", "layer": "Layer 9", "domain": "latin", "expert": "Expert 99"}
    app = visit(run, **wrong)
    line = (
        "The link names what is not here: section “Overwiew”, domain “latin”, layer “Layer 9”, expert “Exper"
    )
    assert line in said(app)
    assert line in said(app.run())
    app.selectbox(key="routing.expert").set_value(3).run()
    assert "The link names" not in said(app)
    right = {"section": "Overview", "layer": "Layer 1", "domain": "python", "expert": "Expert 7"}
    assert "The link names" not in said(visit(run, **right))
    assert "The link names" not in said(visit(run, section="Layer", panel="Drops"))


def test_a_damaged_trace_is_only_said_to_be_damaged_and_can_be_made_again(run, tmp_path, monkeypatch):
    (path,) = (folder(run, tmp_path) / "traces").glob("*.npz")
    whole = path.read_bytes()
    path.write_bytes(whole[:1000])
    app = visit(run)
    assert "cannot be read as a trace" in said(app)
    assert "is gone" not in said(app)
    asked = []

    def trace(*question, **payload):
        asked.append((*question[1:], payload))
        path.write_bytes(whole)

    monkeypatch.setattr(empty, "ask", trace)
    button(app, "routing.retrace").click().run()
    assert asked == [(run, "trace", {"own": True})]
    assert "Specialization peaks in layer 3" in said(app)
    path.unlink()
    app = visit(run)
    assert "its file is gone from the data folder" in said(app)
    assert f"python -m app trace {run}" in [code.value for code in app.code]


def test_experts_together_and_where_they_should_live(run):
    app = visit(run, section="Layer", panel="Together")
    assert "meet" in said(app)
    assert "With experts in order on 4 devices" in said(app)
    app.slider(key="routing.devices").set_value(2).run()
    assert not app.exception
    assert "With experts in order on 2 devices" in said(app)


def test_experts_that_no_other_can_be_compared_with_are_left_out_of_the_pairs():
    lift_EE = np.full((5, 5), np.nan)
    lift_EE[[1, 3], [3, 1]] = 2.0
    lift_EE[2, 2] = 1.0
    shown_EE, order = together.told(lift_EE, np.array([4, 3, 2, 1, 0]))
    assert order.tolist() == [3, 1]
    assert shown_EE[0, 1] == shown_EE[1, 0] == 2
    assert np.isnan(shown_EE.diagonal()).all()


def test_drops_are_told_apart(run, tmp_path):
    assert "No choice was dropped" in said(visit(run, section="Layer", panel="Drops"))
    (path,) = (folder(run, tmp_path) / "traces").glob("*.npz")
    trace = read(path)
    accepted = trace.layers[2].accepted.copy()
    accepted[(trace.layers[2].expert == 3) & (trace.tokens.position >= 32)[:, None]] = False
    write(path, replace(trace, layers=(*trace.layers[:2], replace(trace.layers[2], accepted=accepted))))
    words = said(visit(run, section="Layer", panel="Drops"))
    assert "Expert 3 turned away most" in words
    assert "position 32–63" in words


@pytest.fixture
def experts(monkeypatch) -> Experts:
    """A layer of four experts of which 0 and 3 are one and the same, its neurons in another order."""
    rng = np.random.default_rng(0)
    neurons, outputs, rows = rng.normal(size=(4, 6, 9)), rng.normal(size=(4, 20, 5)), rng.normal(size=(4, 5))
    neurons[3], outputs[3], rows[3] = neurons[0][::-1], outputs[0], 2 * rows[0]
    found = Experts("r", 7, seed.PATHS[2], tuple(neurons), outputs, np.array([1, 2, 3, 9]), rows)
    monkeypatch.setattr(asked, "ask", lambda *_, **__: Answer(found, 0.0))
    return found


@pytest.mark.parametrize("measure", ["Weights", "Outputs", "CKA"])
def test_a_permuted_copy_is_alike_by_every_measure(run, experts, measure):
    app = visit(run, section="Layer", panel="Alike", measure=measure)
    assert "Most alike are experts 0 and 3: 1.00" in said(app)


def test_the_router_looks_for_the_same_with_rows_of_one_direction(run, experts):
    words = said(visit(run, section="Layer", panel="Router"))
    assert "Most alike in what they look for are experts 0 and 3 (cosine 1.00)" in words


def test_settling_says_chance_and_the_size_of_the_traces(run, tmp_path):
    words = said(visit(run, section="Over training"))
    assert "% of the choices were those of the last checkpoint" in words
    assert "of small traces" in words
    for _, path in small_traces(folder(run, tmp_path)):
        path.unlink()
    assert "Nothing tells yet when routing settled" in said(visit(run, section="Over training"))


def test_marks_are_jumps_and_experts_that_fall_asleep():
    steps = tuple(range(10, 310, 10))
    counts = np.full((30, 1, 4), 100)
    counts[10:, 0, 2] = 0
    losses = {step: 2.0 + 0.001 * (step % 3) for step in steps} | {200: 3.0}
    found = Counters(steps, ("text",), {"decoder.0.1": counts}, frozenset(), (None,) * 30, losses, 30)
    said = [(mark.step, mark.kind) for mark in marks(found)]
    assert said == [(110, "death"), (200, "loss_spike")]
    assert "Expert 2 of layer 1 fell asleep." in [mark.text for mark in marks(found)]


def test_the_tour_leads_to_sections_and_panels_that_are_there():
    titles = {section.title for section in sections.SECTIONS}
    assert {step.section for step in tour.STEPS} <= titles
    assert {step.panel for step in tour.STEPS} - {None} <= {panel.title for panel in PANELS}
    assert len(tour.STEPS) == 5
