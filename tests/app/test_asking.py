"""The command line asks as the pages do."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import cli
from app.asking import layer_path, overrides
from app.errors import UserError
from app.judging import HASH
from core.trace.newest import newest_trace
from core.trace.record import read
from storage import database, files, runs
from storage.database import Database
from tests.app.inferring import TEXT, serving, trained
from tests.core.train.tiny import tiny_design

PATH = "decoder.0.1"


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    opened = database.open(tmp_path_factory.mktemp("studio"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def run_id(db: Database) -> str:
    return trained(db, "asked")


@pytest.fixture(autouse=True)
def here(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOE_STUDIO_DATA", str(db.root))


def call(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    status = cli.main(argv)
    output = capsys.readouterr()
    return status, output.out, output.err


def test_inspect(run_id: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = call(capsys, "inspect", run_id, "--text", TEXT, "--json")
    found = json.loads(out)
    assert (status, found["run"], found["step"], len(found["token_T"])) == (0, run_id, 4, len(TEXT))
    assert found["nll_T"][-1] is None
    assert found["layers"][0]["path"] == PATH
    (tmp_path / "text.txt").write_text("a b")
    lines = call(capsys, "inspect", run_id, "--file", str(tmp_path / "text.txt"))[1].splitlines()
    assert lines[1].split()[:3] == ["token", "nats", "layer"]
    assert [line.split()[0] for line in lines[2:]] == ["a", "␣", "b"]
    assert call(capsys, "inspect", run_id, "--file", str(tmp_path / "no"))[::2] == (
        1,
        f"{tmp_path / 'no'} cannot be read: [Errno 2] No such file or directory: '{tmp_path / 'no'}'."
        " To fix this, choose a text in UTF-8.\n",
    )


def test_an_empty_text_is_refused_in_plain_words(run_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = "The text is empty, so there is nothing to read. To fix this, write a letter or more.\n"
    assert call(capsys, "inspect", run_id, "--text", "")[::2] == (1, said)
    assert call(capsys, "whatif", run_id, "--off", "1:2", "--prompt", "")[::2] == (1, said)


def test_whatif(run_id: str, db: Database, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("whatif", run_id, "--off", "1:2", "--boost", f"{PATH}:0=1.5", "--prompt", "aei", "--tokens", "5")
    status, out, _ = call(capsys, *asked, "--json")
    found = json.loads(out)
    assert (status, [shift["domain"] for shift in found["shifts"]], found["kept"]) == (
        0,
        ["vowels", "digits"],
        None,
    )
    assert found["generations"][0]["prompt"] == "aei"
    out = call(capsys, *asked)[1]
    assert "change of loss in nats, all tokens" in out
    assert "after 'aei'" in out
    with serving(db.root):
        child = call(capsys, *asked, "--keep", "kept one")[1].splitlines()[-1]
    assert runs.get(db, child).parent == run_id
    assert call(capsys, "whatif", run_id)[::2] == (
        1,
        "Nothing is switched. To fix this, add --off, --on or --boost, such as --off 3:5.\n",
    )


def test_sweep(run_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("whatif", run_id, "--sweep", "digits", "--sizes", "1", "--draws", "2", "--examples", "8")
    status, out, _ = call(capsys, *asked, "--json")
    found = json.loads(out)
    assert (status, found["target"], found["steps"][0]["size"]) == (0, "digits", 1)
    assert "of 2 controls: more by" in call(capsys, *asked)[1]
    for more, match in (
        (("--sweep", "x"), "The run knows no domain 'x'. To fix this"),
        (("--sizes", "x"), "write numbers, such as 1,2,4"),
        (("--examples", "3"), "examples: it takes 4 at least. To fix this, change examples"),
    ):
        assert match in call(capsys, *asked, *more)[2]


def test_expertise(run_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = call(capsys, "expertise", run_id, "--json")
    found = json.loads(out)
    assert (status, found["layer"], found["routers"]["names"][-1]) == (0, PATH, HASH)
    told = call(capsys, "expertise", run_id, "--layer", "1")[1]
    assert "regret" in told
    assert "Fresh hash of the token: drawn for this comparison" in told
    assert call(capsys, "expertise", run_id, "--layer", "7")[2] == (
        "There is no routed layer '7'. To fix this, name one of: 1 (decoder.0.1).\n"
    )


def test_experts(run_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = call(capsys, "experts", run_id, "--json")
    found = json.loads(out)
    assert (status, found["layer"]) == (0, PATH)
    assert [len(found[name]["value_EE"]) for name in ("weights", "outputs", "CKA")] == [4, 4, 4]
    lines = call(capsys, "experts", run_id, "--layer", "1")[1].splitlines()
    assert [line.split(":")[0] for line in lines[1:]] == ["weights", "outputs", "CKA", "router"]


def test_trace(run_id: str, db: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = [tmp_path / "one.txt", tmp_path / "two.txt"]
    for path in texts:
        path.write_text(TEXT)
    status, out, _ = call(capsys, "trace", run_id, *map(str, texts), "--json")
    found = json.loads(out)
    assert status == 0
    assert read(Path(found["path"])).domains == ("one.txt", "two.txt")
    assert Path(found["path"]).is_relative_to(files.folder(db.root, "runs", run_id))
    assert "tokens of one.txt, two.txt" in call(capsys, "trace", run_id, *map(str, texts))[1]


def test_a_runs_own_trace_is_made_again_where_its_file_is_gone(
    run_id: str, db: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = files.folder(db.root, "runs", run_id)
    before = newest_trace(folder)
    assert before is not None
    kept = read(before)
    before.write_bytes(before.read_bytes()[:500])
    assert call(capsys, "routing", run_id)[0] == 1
    status, out, _ = call(capsys, "trace", run_id, "--json")
    assert (status, json.loads(out)["path"]) == (0, str(before))
    again = read(before)
    assert again.header.domains == kept.header.domains
    assert (again.header.run, again.header.checkpoint) == (run_id, kept.header.checkpoint)
    assert again.header.tokens >= kept.header.tokens
    assert call(capsys, "routing", run_id)[0] == 0


def test_experts_are_said_by_layer_and_number() -> None:
    design = tiny_design()
    found = overrides(design, ["1:2", f"{PATH}:3"], ["1:0"], ["1:1"], "decode")
    assert found[PATH].model_dump() == {
        "suppress": (2, 3),
        "force": (0,),
        "bias": {1: 2.0},
        "pick": None,
        "scope": "decode",
        "drops": True,
    }
    assert layer_path(design, "1") == layer_path(design, PATH) == PATH
    for off, on, match in (
        (["5"], [], "'5' names no expert. To fix this"),
        (["9:1"], [], "no routed layer '9'"),
        (["1:1"], ["1:1"], "so: expert 1 is both switched off and switched on; choose one of them. To fix"),
    ):
        with pytest.raises(UserError, match=match):
            overrides(design, off, on, [], "all")
    for said, bias in (("1:1=-.5", -0.5), ("1:1=3.", 3.0)):
        assert overrides(design, [], [], [said], "all")[PATH].bias == {1: bias}
    for said in ("1:1=1.2.3", "1:1=.", "1:1=-"):
        with pytest.raises(UserError, match=r"names no expert. To fix this"):
            overrides(design, [], [], [said], "all")
