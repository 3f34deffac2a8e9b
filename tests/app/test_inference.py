"""The process beside the pages: it answers who knows the token, forgets what it must, and comes back."""

import json
import os
import signal
import stat
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.inference import address, client, shelf
from app.inference.client import InferenceError, ask, status
from app.inference.server import Server, serve
from app.processes import kill, lives, spawn
from core.probe import subject
from storage import database, files, runs
from storage.database import Database
from storage.errors import NotFoundError
from tests.app.inferring import PATIENCE, TEXT, serving, trained, wait


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    opened = database.open(tmp_path_factory.mktemp("studio"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def two(db: Database) -> tuple[str, str]:
    return trained(db, "one"), trained(db, "two")


def test_it_starts_on_demand_answers_two_tabs_and_comes_back_after_a_crash(
    db: Database, two: tuple[str, str]
) -> None:
    assert status(db) is None
    answers: list[client.Answer] = []
    tabs = [
        threading.Thread(target=lambda run=run: answers.append(ask(db, run, "inspect", text=TEXT)))
        for run in (*two, two[0])
    ]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join(PATIENCE)
    assert {answer.value.run for answer in answers} == set(two)
    assert not any(answer.restarted for answer in answers)
    first = address.read(db.root)
    assert first is not None
    try:
        assert stat.S_IMODE((db.root / address.FILE).stat().st_mode) == 0o600
        assert set(status(db)["runs"]) == set(two)
        assert stat.S_IMODE((db.root / address.LOCK).stat().st_mode) == 0o600
        assert not serve(db.root)  # one process for a data folder

        # It falls over while an answer is awaited.
        os.kill(first.pid, signal.SIGSTOP)
        threading.Timer(0.3, kill, (first.pid, first.started)).start()
        again = ask(db, two[0], "inspect", text=TEXT)
        assert again.restarted
        second = address.read(db.root)
        assert second is not None
        assert second.pid != first.pid
        assert second.token != first.token
        assert not ask(db, two[0], "inspect", text=TEXT).restarted
        np.testing.assert_array_equal(again.value.nll_T, answers[0].value.nll_T[: len(TEXT)])

        (db.root / address.FILE).unlink()
        wait(lambda: not second.lives)  # nobody could find it any more
    finally:
        for found in (first, address.read(db.root)):
            if found:
                kill(found.pid, found.started)


def test_one_that_fell_over_before_is_said_too(
    db: Database, two: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    address.write(db.root, address.Address(pid=2**22 + 1, started=1.0, port=1, token="t"))
    with ExitStack() as stack:
        monkeypatch.setattr(client, "_start", lambda *_: stack.enter_context(serving(db.root)).address)
        assert ask(db, two[0], "inspect", text=TEXT).restarted
        assert not ask(db, two[0], "inspect", text=TEXT).restarted
    with ExitStack() as stack:  # that one ended in order
        monkeypatch.setattr(client, "_start", lambda *_: stack.enter_context(serving(db.root)).address)
        assert not ask(db, two[0], "inspect", text=TEXT).restarted


def test_an_idle_process_ends_and_takes_its_address_away(db: Database, two: tuple[str, str]) -> None:
    server = Server(db.root, 2**30, 0.6)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    wait(lambda: address.read(db.root) == server.address)
    ask(db, two[0], "inspect", text=TEXT)
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert address.read(db.root) is None


def test_without_the_token_nothing_is_answered(db: Database, two: tuple[str, str]) -> None:
    with serving(db.root) as server:
        for token in (
            {},
            {address.TOKEN: "\xe9"},
            {address.TOKEN: "0" * 64},
            {address.TOKEN: server.address.token[:-1]},
        ):
            for method, path in (("GET", "/status"), ("POST", "/ask")):
                connection = HTTPConnection(address.HOST, server.address.port, timeout=10)
                body = json.dumps({"run": two[0], "question": "inspect", "payload": {"text": TEXT}})
                connection.request(method, path, body, token)
                reply = connection.getresponse()
                assert (reply.status, reply.read()) == (403, b"")
                connection.close()
        wrong = address.Address(**{**vars(server.address), "token": "0" * 64})
        with pytest.raises(client._StrangerError):
            client._asked(wrong, b"{}")
        assert server.shelf.loaded() == {}


def test_the_least_recently_used_run_is_dropped(db: Database, two: tuple[str, str]) -> None:
    one, other = two
    with serving(db.root) as server:
        ask(db, one, "inspect", text=TEXT)
        size = server.shelf.loaded()[one]
    third = trained(db, "three")
    with serving(db.root, memory=int(2.5 * size)) as server:
        for run in (one, other, one, third):
            ask(db, run, "inspect", text=TEXT)
        assert list(server.shelf.loaded()) == [one, third]
    with (
        serving(db.root, memory=size // 2) as server,
        pytest.raises(InferenceError, match=r"may hold 0.00 GiB. To fix this, ask a smaller run"),
    ):
        ask(db, one, "inspect", text=TEXT)


#: Answers what nobody understands, as another version may, and ends when nobody can find it.
OLD = """
import os, threading, time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from app.inference import address
from app.processes import started_at

class Old(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"old")

root, server = Path(os.environ["MOE_STUDIO_DATA"]), HTTPServer((address.HOST, 0), Old)
me, code = os.getpid(), address.fingerprint()
own = address.Address(me, started_at(me), server.server_address[1], "t", code)
address.write(root, own)
threading.Thread(target=server.serve_forever, daemon=True).start()
while address.read(root) == own:
    time.sleep(0.02)
"""


def test_a_process_of_another_version_is_replaced(
    db: Database, two: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    process = spawn(("-c", OLD), db.root, db.root / address.LOG)
    wait(lambda: address.read(db.root) is not None)
    old = address.read(db.root)
    assert old is not None
    with ExitStack() as stack:
        monkeypatch.setattr(client, "_start", lambda *_: stack.enter_context(serving(db.root)).address)
        assert ask(db, two[0], "inspect", text=TEXT).value.run == two[0]
    assert process.wait(PATIENCE) == 0
    assert not old.lives
    monkeypatch.undo()
    with pytest.raises(InferenceError, match=r"another version of the studio than this page. To fix this"):
        ask(db, two[0], "inspect", command=("-c", OLD), text=TEXT)
    assert address.read(db.root) is None


def test_a_process_of_code_that_has_changed_is_replaced_and_the_answer_says_so(
    db: Database, two: tuple[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module = tmp_path / "core" / "probe" / "one.py"
    module.parent.mkdir(parents=True)
    module.write_text("answer = 1")
    monkeypatch.setattr(address, "ROOT", tmp_path)
    with serving(db.root) as server, ExitStack() as stack:
        monkeypatch.setattr(client, "_start", lambda *_: stack.enter_context(serving(db.root)).address)
        monkeypatch.setattr(client, "_gone", lambda _: None)
        monkeypatch.setattr(address.Address, "lives", property(lambda found: address.read(db.root) == found))
        assert not ask(db, two[0], "inspect", text=TEXT).restarted
        module.write_text("answer = 22")
        assert ask(db, two[0], "inspect", text=TEXT).restarted == client.CHANGED
        assert address.read(db.root) not in (None, server.address)
        assert not ask(db, two[0], "inspect", text=TEXT).restarted
    # What an older studio wrote, which knows of no such mark.
    old = {name: value for name, value in vars(server.address).items() if name != "code"}
    assert address.Address(**old).code != address.fingerprint()


def test_a_run_deleted_meanwhile_is_said_to_be_gone(db: Database) -> None:
    run = trained(db, "short-lived")
    with serving(db.root) as server:
        ask(db, run, "inspect", text=TEXT)
        files.remove(db.root, "runs", run)
        with pytest.raises(InferenceError, match=f"{run} has no readable design. To fix this"):
            ask(db, run, "inspect", text=TEXT)
        runs.mark_for_deletion(db, run)
        runs.erase(db, run)
        with pytest.raises(NotFoundError):
            ask(db, run, "inspect", text=TEXT)
        with pytest.raises(InferenceError, match="no run"):  # deleted after the page had looked
            client._asked(server.address, json.dumps({"run": run, "question": "inspect"}).encode())
        assert server.shelf.loaded() == {}


def test_a_run_deleted_while_it_is_asked_leaves_nothing(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained(db, "going")
    folder = files.folder(db.root, "runs", run)

    def deleted_first(*asked: Any) -> Any:
        files.remove(db.root, "runs", run)
        runs.erase(db, run)
        return subject.ask(*asked)

    monkeypatch.setattr(shelf, "ask", deleted_first)
    texts = [{"name": "a", "text": TEXT}]
    with serving(db.root), pytest.raises(InferenceError, match="was deleted while it was asked"):
        ask(db, run, "trace", texts=texts)
    assert not folder.exists()


def test_what_cannot_be_asked_is_said_in_words(db: Database, two: tuple[str, str]) -> None:
    with serving(db.root):
        with pytest.raises(InferenceError, match="no question 'x'"):
            ask(db, two[0], "x")
        with pytest.raises(InferenceError, match=r"There is no checkpoint of step 99. To fix this"):
            ask(db, two[0], "inspect", text=TEXT, step=99)
    with pytest.raises(InferenceError, match="takes at most 33,554,432"):
        ask(db, two[0], "inspect", text="x" * 2**25)


def test_a_process_that_cannot_start_or_falls_twice_is_told(db: Database, two: tuple[str, str]) -> None:
    with pytest.raises(InferenceError, match=r"could not start: it ended with status 3.*To fix this"):
        ask(db, two[0], "inspect", command=("-c", "import sys; sys.exit(3)"), text=TEXT)
    falls = (
        "import os, socket, time; from pathlib import Path; from app.inference import address as a;"
        "from app.processes import started_at;"
        "s = socket.create_server((a.HOST, 0)); me = os.getpid();"
        "root = Path(os.environ['MOE_STUDIO_DATA']);"
        "a.write(root, a.Address(me, started_at(me), s.getsockname()[1], 't')); s.accept(); os._exit(9)"
    )
    with pytest.raises(InferenceError, match="ended twice over this one"):
        ask(db, two[0], "inspect", command=("-c", falls), text=TEXT)
    found = address.read(db.root)
    assert found is not None
    assert not lives(found.pid, found.started)
    (db.root / address.FILE).unlink()
