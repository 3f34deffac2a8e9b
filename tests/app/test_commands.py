import contextlib
import io
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app import cli, jobs
from app.commands.runs import WIDEST, shortened
from app.commands.train import fitting
from app.designs import read_design
from app.following import Progress, describe
from app.processes import ROOT
from core.data.load import load
from core.design.bodies.moe import Moe
from core.design.edits import apply
from core.design.facts import MetricsRow
from core.design.plan import Plan
from core.design.presets.methods import method, with_method
from core.design.presets.registry import plan_for
from core.design.routing.condition.skill_table import SkillTable
from core.design.rules import check
from core.design.spec import Design
from core.design.suited import suggested_objective
from storage import runs
from storage.drafts import Document
from storage.status import Status
from tests.app import seed
from tests.app.conftest import TINY, Studio, plan


@pytest.fixture
def here(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> Studio:
    """The command line works in this process on the studio's folder, with slow workers."""
    monkeypatch.setenv("MOE_STUDIO_DATA", str(studio.root))
    monkeypatch.setattr(jobs, "LocalEngine", lambda root: studio.engine)
    return studio


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    path = tmp_path / "tiny.json"
    path.write_text(TINY)
    return str(path)


def call(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    status = cli.main(argv)
    output = capsys.readouterr()
    return status, output.out, output.err


def test_train_follows_and_ends_with_the_run_id(
    here: Studio, tiny: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = call(
        capsys,
        "train",
        tiny,
        "--data",
        "text",
        "--steps",
        "20",
        "--seed",
        "3",
        "--set",
        "plan.checkpoint_every=7",
    )
    run = here.run(out.splitlines()[-1])
    assert status == 0
    assert (run.status, run.step, run.seed, run.plan.checkpoint_every) == (Status.DONE, 20, 3, 7)
    assert re.search(r"done  step 20 of 20  loss \d\.\d{4}\n$", err)

    more = ("--steps", "2", "--set", f"plan.start_from={run.id}")
    child = here.run(call(capsys, "train", tiny, "--data", "text", *more)[1].split()[-1])
    assert (child.parent, child.relation) == (run.id, "extend")
    call(capsys, "runs", "delete", child.id)

    status, out, _ = call(capsys, "runs", "--json")
    (listed,) = json.loads(out)["runs"]
    assert (status, listed["id"], listed["status"]) == (0, run.id, "done")
    assert listed["loss"] is not None
    status, out, _ = call(capsys, "runs", "show", run.id, "--json")
    shown = json.loads(out)
    assert (shown["design"]["name"], shown["last"]["step"], shown["events"][-1]["step"]) == ("tiny", 20, 20)
    assert run.id in call(capsys, "runs")[1]
    assert call(capsys, "runs", "delete", run.id)[:2] == (0, f"{run.id}  deleted\n")
    assert "No runs yet" in call(capsys, "runs")[1]


def test_two_runs_are_compared(here: Studio, capsys: pytest.CaptureFixture[str]) -> None:
    ids = seed.seed(here.db.root)
    pair = ids["done"], ids["paused"]
    status, out, _ = call(capsys, "runs", "compare", *pair)
    settings, (ended, *figures) = (block.splitlines() for block in out.split("\n\n"))
    assert (status, settings[0]) == (0, "1 setting differs: 1 in the plan")
    assert [line.split() for line in settings[1:]] == [
        ["where", "setting", *pair],
        ["Plan", "seed", "0", "1"],
    ]
    assert figures[1].split() == ["Status", "done", "paused"]
    found = json.loads(call(capsys, "runs", "compare", *pair, "--json")[1])
    assert found["runs"] == list(pair)
    assert found["differences"] == [
        {"part": "plan", "where": "Plan", "setting": "seed", "one": "0", "other": "1"}
    ]
    assert [each["Status"] for each in found["figures"]] == ["done", "paused"]
    assert ended == found["losses"]
    words = r"\S+ is at a held-out loss of \S+ after 700 steps, \S+ at \S+ after 300"
    assert re.fullmatch(words, ended)
    assert re.findall(r"starter-\w+", ended) == list(pair)


def test_a_long_setting_leaves_room_for_its_neighbours() -> None:
    whole = "x" * WIDEST
    assert shortened(whole, "y") == (whole, "y")
    assert shortened(whole + "x", "y") == (whole[:-1] + "…", "y")
    one, other = shortened("x" * 200 + "1", "x" * 200 + "2")
    assert (one[0], one[-1], other[-1]) == ("…", "1", "2")
    assert max(len(one), len(other)) <= WIDEST


def test_a_run_is_paused_resumed_and_stopped(here: Studio, capsys: pytest.CaptureFixture[str]) -> None:
    run_id = here.start(plan(steps=2000))
    here.at_step(run_id, 2)
    assert call(capsys, "runs", "pause", run_id, "--json")[:2] == (
        0,
        f'{{"run": "{run_id}", "status": "paused"}}\n',
    )
    assert call(capsys, "runs", "resume", run_id)[0] == 0
    here.wait(run_id, lambda run: run.attempt == 2)
    assert call(capsys, "runs", "stop", run_id)[:2] == (0, f"{run_id}  stopped\n")
    for action in ("pause", "stop"):
        status, out, err = call(capsys, "runs", action, run_id)
        assert (status, out) == (0, f"{run_id}  stopped\n")
        assert err == (
            "" if action == "stop" else "The run was stopped already, so there was nothing to pause.\n"
        )
    assert call(capsys, "runs", "resume", run_id)[0] == 0
    here.wait(run_id, lambda run: run.attempt == 3)
    assert call(capsys, "runs", "stop", run_id)[0] == 0


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("train", "startr", "--data", "text"), "Did you mean 'starter'"),
        (("train", "starter", "--data", "texts", "--steps", "1"), "no data named 'texts'"),
        (("train", "starter", "--data", "digits", "--steps", "1"), "With --match: match the task"),
        (("train", "deepseek-v3", "--data", "text"), "--steps 500"),
        (("runs", "show", "nobody"), "no run 'nobody'"),
        (("runs", "show", "../../etc"), "no run '../../etc'"),
        (("train", "starter", "--steps", "1", "--set", "plan.start_from=nobody"), "no run 'nobody'"),
        (("train", "starter", "--set", "plan.freeze=xx"), "plan.freeze cannot be 'xx': it takes a list"),
        (("runs", "pause"), "pause needs a run"),
        (("runs", "compare", "one"), "compare takes two runs"),
        (("runs", "show", "one", "other"), "compare takes two runs"),
        (("runs", "compare", "nobody", "other"), "no run 'nobody'"),
        (("runs", "compare", "one", "one"), "the same run twice"),
    ],
)
def test_mistakes_are_answered_in_words(
    here: Studio, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], words: str
) -> None:
    status, out, err = call(capsys, *argv)
    assert (status, out) == (1, "")
    assert words in err
    assert runs.listing(here.db) == ()


@pytest.mark.parametrize("name", ["skillnet", "m3vit", "task-level", "top-k"])
def test_matching_mends_what_routers_say_of_the_old_tasks(name: str) -> None:
    facts, design = load("text", ROOT).facts, with_method(method(name))
    asked = Plan(objective=suggested_objective(design))
    edit = fitting(design, asked, facts)
    matched = design if edit is None else apply(design, edit)
    assert isinstance(matched, Design)
    assert [p for p in check(matched, asked, facts, stage="train") if p.severity == "error"] == []
    tables = [p.part.body.router.condition for p in matched.parts() if isinstance(p.part.body, Moe)]
    for table in (table for table in tables if isinstance(table, SkillTable)):
        # Each task has the general skill and one of its own.
        assert [table.rows[task] for task in facts.task_names] == [(0, own) for own in range(1, 6)]


def test_matching_makes_the_task_fit(here: Studio, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ("train", "tabular", "--data", "table:breast_cancer", "--steps", "12", "--match")
    status, out, err = call(capsys, *argv)
    assert status == 0, err
    assert "Match the task to" in err
    assert json.loads(here.run(out.split()[-1]).design)["task"]["features"] == 30


def test_without_data_it_trains_on_what_suits_the_design(
    here: Studio, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "smear.json"
    path.write_text(with_method(method("smear")).model_dump_json())
    status, out, err = call(capsys, "train", str(path), "--steps", "2")
    assert status == 0, err
    assert here.run(out.split()[-1]).plan.data == "digits"
    assert "Data: digits, the first built-in data set that this design can train on. Not text: " in err
    # The starter's steps too, so that a method trains by its name alone.
    status, out, err = call(capsys, "train", "method/smear", "--set", "plan.steps=2")
    assert (status, here.run(out.split()[-1]).plan.batch) == (0, plan_for("digits-vit").batch), err
    assert read_design("method/smear")[1].steps == plan_for("digits-vit").steps
    # What is named is taken at its word, in either way.
    for named in (("--data", "text"), ("--set", "plan.data=text")):
        status, out, err = call(capsys, "train", str(path), "--steps", "2", *named)
        assert (status, out) == (1, "")
        assert "text is text data" in err
    # Nothing suits tasks that no data has: the repair is offered, as for named data.
    status, out, err = call(capsys, "train", "method/skillnet", "--steps", "2")
    assert (status, out) == (1, "")
    assert "With --match: match the task to Five kinds of text." in err


def test_own_tables_name_their_target(
    here: Studio, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("a,b,c,d\n" + "1,3,x,u\n2,4,y,v\n" * 40)
    own = ("train", "tabular", "--data", str(path), "--steps", "12", "--match")
    status, out, err = call(capsys, *own, "--target", "c", "--ignore", "d", "--encoding", "latin-1")
    assert status == 0, err
    task = json.loads(here.run(out.split()[-1]).design)["task"]
    assert [head["name"] for head in task["heads"]] == ["c"]
    assert task["features"] == 2
    status, _, err = call(capsys, *own, "--target", "nobody")
    assert (status, "'nobody'" in err, "To fix this" in err) == (1, True, True)
    status, _, err = call(capsys, "train", "tabular", "--data", "table:wine", "--steps", "1", "--target", "c")
    assert status == 1
    assert "name the file with --data" in err


def test_a_run_that_starts_from_another_says_so(
    here: Studio, tiny: str, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ("train", tiny, "--data", "text", "--steps", "12")
    first = call(capsys, *argv)[1].split()[-1]
    second = call(capsys, *argv, "--set", f"plan.start_from={first}")[1].split()[-1]
    run = here.run(second)
    assert (run.parent, run.relation, run.plan.start_from) == (first, "extend", first)
    status, out, err = call(
        capsys, *argv, "--set", f"plan.start_from={first}", "--set", "/stacks/0/layers/0/times=3"
    )
    assert (status, out) == (1, "")
    assert f"The weights of {first} do not fit this design: it has no" in err
    assert "To fix this, start from a run of this design" in err
    assert len(runs.listing(here.db)) == 2


@pytest.mark.parametrize("command", ["check", "cost", "train"])
def test_help_says_what_a_design_may_be(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])
    assert "Hugging Face config.json" in " ".join(capsys.readouterr().out.split())


def test_an_interrupt_pauses_politely(studio: Studio, tiny: str) -> None:
    # A shell starts background commands with SIGINT ignored, and the tests may run in one.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import sys; from app import cli, jobs; from tests.app import slow_worker\n"
        "local = jobs.LocalEngine\n"
        "jobs.LocalEngine = lambda root: local(root, slow_worker.COMMAND)\n"
        "sys.exit(cli.main(sys.argv[1:]))"
    )
    argv = [sys.executable, "-c", code, "train", tiny, "--data", "text", "--steps", "4000"]
    environment = {"PATH": "", "MOE_STUDIO_DATA": str(studio.root)}
    process = subprocess.Popen(
        argv, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not (found := runs.listing(studio.db)):
        assert process.poll() is None
        time.sleep(0.05)
    studio.at_step(found[0].id, 2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == f"{found[0].id}\n"
    assert f"runs resume {found[0].id}" in err
    assert "Traceback" not in err
    assert studio.run(found[0].id).status is Status.PAUSED


def test_progress_is_one_line_on_a_terminal(studio: Studio) -> None:
    document = Document("tiny", TINY, "a" * 64)
    run = runs.create(studio.db, document, plan(steps=100), "text", "request")
    run = run.model_copy(update={"status": Status.RUNNING, "step": 25})
    row = MetricsRow(step=25, seconds=5.0, loss=2.5, held_out={"loss": 2.75, "loss/a": 3.0})
    assert describe(run, row) == "running  step 25 of 100  loss 2.5000  held-out 2.7500  15 s left"
    assert describe(run, None) == "running  step 25 of 100"

    terminal = io.StringIO()
    terminal.isatty = lambda: True
    progress = Progress(terminal)
    for last in (False, True):
        progress.show(run, row, last=last)
    assert terminal.getvalue().count("\n") == 1
    assert terminal.getvalue().count("\r") == 2

    with contextlib.closing(io.StringIO()) as file:
        progress = Progress(file)
        for step in range(25, 40):
            progress.show(run.model_copy(update={"step": step}), row)
        assert file.getvalue() == describe(run, row) + "\n"
