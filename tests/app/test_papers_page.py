"""The Papers page with nothing measured, with measurements, and pressed."""

import pytest
from streamlit.testing.v1 import AppTest

from app import claiming
from app.composer.shelf import design_of
from app.views._papers import sets, words
from app.views._papers.catalogue import cards
from app.views._papers.experiment import arms, differences_table, measures
from app.views._papers.one import lines
from components.page import plain
from core.claims.results import Finding, judge
from core.claims.statistics import Estimate
from core.design.spec import Design
from core.papers.base import Expect
from core.papers.registry import experiments, paper, papers
from storage import drafts, jobs
from storage.database import Database
from tests.app.claims_seed import seed_claims
from tests.app.visiting import button, said
from tests.core.claims.small import measured as by_hand


@pytest.fixture
def measured(db: Database) -> Database:
    """The same with invented measurements."""
    seed_claims(db)
    return db


def visit(name: str | None = None) -> AppTest:
    """The page, with a paper in its address."""
    app = AppTest.from_file("../../app/main.py", default_timeout=60)
    app.run()
    app.switch_page("views/papers.py")
    if name is not None:
        app.query_params["paper"] = name
    app.run()
    assert not app.exception
    assert not app.error
    return app


def test_the_catalogue_names_the_commands_that_do_the_same(db):
    app = visit()
    assert app.title[0].value == "Papers"
    assert app.code[0].value.splitlines()[0] == "python -m app papers"


def test_a_card_for_every_paper_with_its_state_and_verdict(measured):
    found = {card.key: card for card in cards(claiming.board(measured))}
    assert list(found) == [entry.name for entry in papers()]
    assert [chip.text for chip in found["mote"].chips] == ["Planned"]
    assert [chip.text for chip in found["smear"].chips] == ["Built", "Reproduced"]
    assert [chip.text for chip in found["top_p"].chips] == ["Built", "Contradicts"]
    assert [chip.text for chip in found["switch"].chips] == [
        "Built",
        "Reproduced",
        "Not finished",
        "Not run yet",
    ]
    assert found["smear"].link == "https://arxiv.org/abs/2306.03745"


@pytest.mark.parametrize("name", ["mote", "switch", "temperature"])
def test_a_paper_has_its_claim_its_equation_its_presets_and_its_commands(db, name):
    entry, app = paper(name), visit(name)
    text = said(app)
    assert app.title[0].value == plain(entry.short)
    assert entry.claim in text
    assert sum(found.value.count(r"\displaystyle") for found in app.markdown) == len(
        entry.formula.split(r"\qquad")
    )
    opens = [found.key for found in app.button if found.key and found.key.startswith("papers.open.")]
    assert opens == [f"papers.open.{name}" for name in entry.presets]
    commands = app.code[0].value.splitlines()
    wanted = [f"python -m app papers {found.id} --run" for found in entry.experiments]
    assert commands == (wanted or [f"python -m app papers {entry.name}"])


def test_a_paper_that_is_not_there_is_told_with_the_nearest(db):
    app = visit("smaer")
    assert "Did you mean 'smear'? To fix this, open one of the papers below." in said(app)
    assert app.title[0].value == "Papers"
    assert "paper" not in app.query_params


def test_a_preset_opens_as_a_draft(db):
    app = visit("smear")
    button(app, "papers.open.smear").click().run()
    (draft,) = drafts.listing(db)
    assert Design.model_validate_json(drafts.get(db, draft.id).design) == design_of("method/smear")
    assert app.query_params["design"] == draft.id


def test_one_click_on_run_queues_one_job_and_stop_ends_it(db):
    app = visit("switch")
    assert "Not measured yet" in said(app)
    run = button(app, "papers.run.x1")
    run.click().run()
    assert not app.exception
    (job,) = jobs.listing(db)
    assert (job.kind, job.arguments["experiment"]) == (claiming.KIND, "x1")
    app.run()
    assert not app.exception
    button(app, "papers.stop.x1").click().run()
    app.run()
    assert claiming.row("x1", db).activity is None
    assert len(jobs.listing(db)) == 1


def test_what_was_measured_is_shown_with_both_sides_interval_and_verdict(measured):
    app = visit("smear")
    text = said(app)
    assert "holds here" in text
    assert "Measured on this machine: 30 of 30 trainings" in text
    assert "much stronger rival" in text
    # Everything is in: there is nothing left to run.
    assert not [found for found in app.button if found.key == "papers.run.x6"]
    row = claiming.row("x6", measured)
    line = words.finding_row(row, row.result.findings[0])
    assert line.measured.startswith("0.90")
    assert "5 seeds" in line.how
    assert (line.chip.kind, line.chip.text) == ("yes", "Reproduced")
    assert line.effect is not None
    assert 0 < line.effect.low < line.effect.mean < line.effect.high == 1


def test_what_began_can_be_continued(measured):
    app = visit("expert_choice")
    assert button(app, "papers.run.x4").label == "Continue"
    assert words.held(claiming.row("x4", measured)) == "4 of 10 trainings"


def test_the_tables_beside_the_chart_have_every_arm_and_every_expectation(measured):
    row = claiming.row("x6", measured)
    assert list(differences_table(row)["Outcome"]) == ["reproduced"] * 4 + ["contradicts"]
    table = arms(row)
    assert list(table["Arm"]) == [arm.title for arm in row.experiment.arms]
    assert table["Seeds"].tolist() == [5] * 6
    figures = measures(row).set_index("")
    assert list(figures.columns) == list(table["Arm"])
    assert figures.loc["Held-out accuracy"].tolist()[:2] == [
        "0.907\u00a0±\u00a00.006",
        "0.898\u00a0±\u00a00.006",
    ]


def test_the_board_says_how_many_claims_hold(measured):
    rows = claiming.board(measured)
    assert words.board_finding(rows) == (
        "2 of 3 tested claims are reproduced at this size, 1 contradicted, 17 not measured yet"
    )
    board = {row.experiment.id: words.board_row(row) for row in rows}
    assert board["x9"].effect is not None
    assert board["x9"].effect.mean < 0
    assert board["x3"].measured == "not run"
    assert board["x3"].how == "about 8 minutes"
    # One arm of x2 is an arm of x1, measured already; the other is not.
    assert (board["x2"].measured, board["x2"].under) == ("–", "5 of 10 trainings")


def test_an_empty_board_says_so(db, monkeypatch):
    monkeypatch.setattr(claiming.shipped, "read", lambda experiment: ())
    assert words.board_finding(claiming.board(db)) == "None of 20 claims has been measured to the end yet"


@pytest.mark.parametrize("entry", experiments(), ids=lambda entry: entry.id)
def test_every_expectation_can_be_said(entry):
    for found in judge(entry, ()).findings:
        text = words.expectation(entry, found.expect)
        assert words.arm_title(entry, found.expect.left) in text
        assert ("<" in text) == (found.expect.relation == "below")
        assert words.measured(found) == "–"
        assert words.interval(found) == ""
        assert words.effect(found) is None


def test_an_experiment_says_where_it_is_measured_in_words():
    said = {found.id: words.setting(found) for found in experiments()}
    assert said["x8"] == "Easy and hard rules (generated), from a small net with one MoE layer"
    assert said["x12"].endswith(", from Digits ViT")


def test_expectations_in_words():
    x1, x9 = (next(found for found in experiments() if found.id == name) for name in ("x1", "x9"))
    assert words.expectation(x1, x1.expects[0]) == (
        "Held-out loss: “Switch with a balance loss” < “A random expert” − 0.5\u2009nats"
    )
    assert words.expectation(x9, x9.expects[1]) == (
        "Experts per token: “Top-p, p = 0.6, entropy loss 0.01” < 2\u2009experts"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.98765, "0.988"),
        (-1.5, "−1.50"),
        (4e-17, "0"),
        (-1.4e-17, "0"),
        (4e-13, "4.0\u2009×\u200910⁻¹³"),
        (1.0, "1"),
        (1.001, "1.00"),
        (0.5, "0.500"),
        (-614.0, "−614"),
        (-2.5e-6, "−2.5\u2009×\u200910⁻⁶"),
        (49_800.0, "49.8\u2009k"),
    ],
)
def test_figures_have_three_digits_and_real_signs(value, text):
    assert words.figure(value) == text
    assert words.signed(text) == (text if value < 1e-15 else f"+{text}")


@pytest.mark.parametrize(
    ("mean", "deviation", "text"),
    [
        (0.2159, 0.0398, "0.216 ± 0.040"),
        (0.12, 0.00439, "0.120 ± 0.004"),
        (0.000472, 0.000661, "0.00047 ± 0.00066"),
        (3.0, 1.0, "3.0 ± 1.0"),
        (0.0, 0.0, "0"),
        (1.0, None, "1"),
        (16_384.0, 512.0, "16.4\u2009k ± 512"),
    ],
)
def test_a_mean_has_the_decimals_of_its_deviation(mean, deviation, text):
    assert words.spread(mean, deviation) == text.replace(" ± ", "\u00a0±\u00a0")


@pytest.mark.parametrize(("value", "text"), [(0.5, "0.5"), (2.0, "2"), (1e-10, "10⁻¹⁰"), (0.0, "0")])
def test_a_threshold_is_written_as_it_was_set(value, text):
    assert words.bound(value) == text


def test_an_interval_has_the_decimals_of_its_mean():
    said = words.together(0.0538, 0.00546, 0.0881)
    assert tuple(map(words.signed, said)) == ("+0.054", "+0.005", "+0.088")


def test_what_is_the_same_in_every_seed_is_said_once():
    by_id = {entry.id: entry for entry in experiments()}

    def first(name, values):
        """The first finding of an experiment whose left arm measured these."""
        expect = by_id[name].expects[0]
        return judge(by_id[name], by_hand(expect.left, values, expect.measure)).findings[0]

    islands = first("x10", [1.0] * 5)
    assert (words.measured(islands), words.interval(islands)) == ("1\u2009island", "in each of 5 seeds")
    # Rounding leaves a trace on an eigenvalue that is exactly nought.
    gate = first("x16", [-1.4e-17, 2e-17, -6e-17, 0.0, 1e-17])
    assert (words.measured(gate), words.interval(gate)) == ("0", "in each of 5 seeds")


@pytest.mark.parametrize("relation", ["below", "above"])
def test_the_picture_has_what_is_claimed_to_the_right(relation):
    expect = Expect(claim="c", measure="loss", left="a", relation=relation, right="b", margin=-0.5)
    holds = Estimate(mean=-0.8, low=-1.0, high=-0.6, effect=None, pairs=5)
    found = Finding(expect, "reproduced", 5, 0.4, 1.2, holds, -0.5)
    drawn = words.effect(found)
    assert drawn is not None
    side = 1 if relation == "below" else -1
    assert side * drawn.mean > 0
    assert max(abs(drawn.low), abs(drawn.high)) == pytest.approx(1)
    assert drawn.low < drawn.mean < drawn.high


def test_a_formula_stands_on_one_line_for_each_part():
    assert lines(r"a, \qquad b") == "$\\displaystyle a$\n\n$\\displaystyle b$"
    assert lines(paper("hash_layer").formula).count("$") == 4


def test_what_an_arm_sets_is_said_in_words_not_in_addresses() -> None:
    arms = [arm for each in papers() for one in each.experiments for arm in one.arms]
    said_of = {arm.name: sets.changes(arm.sets) for arm in arms}
    for text in said_of.values():
        assert not set('/{}"=_').intersection(text.replace(" / ", "")), text
    assert said_of["smear"] == "–"
    assert said_of["token"] == "no capacity; balance: load balance 0.1"
    assert said_of["grow"] == (
        "16 experts of width 16, gated; no balance; experts per token linear from 2 to 16"
    )
    assert "left-2 0, 1, 3 / left-3 0, 1, 4" in said_of["table"]


def test_what_all_arms_set_alike_is_said_once() -> None:
    (experiment,) = paper("skillnet").experiments
    alike = sets.shared(experiment.arms)
    assert sets.changes(alike) == "5 experts of width 32, gated; experts per token 3"
    each = [sets.changes(arm.sets, experiment.arms) for arm in experiment.arms]
    assert all("experts of each task: " in text for text in each)
    assert len(set(each)) > 1
    (experiment,) = paper("moec").experiments
    arms = {arm.name: sets.changes(arm.sets, experiment.arms) for arm in experiment.arms}
    assert arms["clusters-gated"].startswith("16 experts of width 32, gated; ")
    assert not any("4 islands" in text for text in arms.values())
