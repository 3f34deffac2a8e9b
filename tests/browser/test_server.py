"""What the server answers to those who are not our page."""

import http.client
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import visit
from tests.browser.design import new_draft, part, stored
from tests.browser.server import Server, free_port, serve


def handshake(server: Server, **headers: str) -> int:
    """The status of opening a session's WebSocket with these headers."""
    host, port = server.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    sent = {
        "Host": f"localhost:{port}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    connection.request("GET", "/_stcore/stream", headers=sent | headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_session_opens_under_our_own_name(server: Server):
    assert handshake(server) == 101


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}], ids=str)
def test_a_session_is_refused_under_a_foreign_name(server: Server, headers: dict[str, str]):
    assert handshake(server, **headers) == 403


def test_the_server_hands_out_no_source(server: Server):
    host, port = server.url.removeprefix("http://").split(":")
    for path in ("/app/static/../main.py", "/app/static/%2e%2e/main.py", "/app/main.py"):
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        connection.request("GET", path)
        answer = connection.getresponse()
        assert b"set_page_config" not in answer.read()
        connection.close()


def test_the_containers_health_check_tells_a_live_server_from_a_dead_one(server: Server, root: Path):
    text = (root / "Dockerfile").read_text()
    command = json.loads(re.search(r"^HEALTHCHECK (?:.|\\\n)*?CMD (\[.*\])$", text, re.MULTILINE)[1])
    for port, healthy in ((server.url.rsplit(":", 1)[1], True), (str(free_port()), False)):
        done = subprocess.run(
            [sys.executable, *command[1:]], env=os.environ | {"PORT": port}, capture_output=True, check=False
        )
        assert (done.returncode == 0) == healthy


def test_acts_of_a_time_without_a_server_reach_the_next_one(browser: Browser, tmp_path: Path):
    """Killed and started anew it knows nothing of the page; what was done meanwhile is not lost."""
    with serve(tmp_path / "data") as server:
        draft = new_draft(server, "starter")
        page, _ = visit.new_page(browser, server.url)
        page.goto(f"/design?design={draft}")
        visit.settle(page)
        part(page, "Attention").focus()
        page.keyboard.press("f")
        expect(part(page, "Dense FFN")).to_be_visible()
        visit.settle(page)
        server.process.kill()
        server.process.wait()
        page.wait_for_timeout(500)
        page.keyboard.press("a")
        page.keyboard.press("m")
    with serve(tmp_path / "data", port=int(server.url.rsplit(":", 1)[1])) as server:
        expect(part(page, "MoE layer")).to_have_count(2)
        visit.settle(page)
        kinds = [placed.part.body.kind for placed in stored(server, draft).parts()]
        assert kinds == ["attention", "moe", "dense", "attention", "moe"]
        page.context.close()
