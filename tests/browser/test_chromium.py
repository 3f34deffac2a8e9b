"""A missing browser is looked for, then installed, then an error; it is never a reason to skip."""

from types import SimpleNamespace

import pytest

from tests.browser import chromium


@pytest.fixture
def bare_machine(monkeypatch, tmp_path):
    """A machine without any browser, where commands are recorded and fail."""
    commands = []
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(chromium, "PLACES", ())
    monkeypatch.setattr(chromium, "_run", lambda *command, **_: commands.append(command))
    own = tmp_path / "playwright-chromium"
    return SimpleNamespace(chromium=SimpleNamespace(executable_path=str(own))), own, commands


def test_no_browser_is_an_error_that_says_what_to_do(bare_machine, monkeypatch):
    play, _, commands = bare_machine
    monkeypatch.setenv("CI", "true")
    with pytest.raises(chromium.MissingBrowserError, match="To fix this"):
        chromium.launch(play)
    assert commands[-1][1:] == ("-m", "playwright", "install", "chromium")


def test_a_browser_that_does_not_start_is_passed_over(bare_machine):
    play, own, commands = bare_machine
    own.touch()
    assert chromium.find(play) is None
    assert commands == [(str(own), "--no-sandbox", "--version")]


def test_debian_installs_its_package_as_root_only(bare_machine, monkeypatch):
    _, _, commands = bare_machine
    monkeypatch.setattr(
        chromium.shutil, "which", lambda name: f"/usr/bin/{name}" if name == "apt-get" else None
    )
    monkeypatch.setattr(chromium.os, "geteuid", lambda: 1000)
    assert chromium._install_debian() is None
    assert commands == []
    monkeypatch.setattr(chromium.os, "geteuid", lambda: 0)
    assert chromium._install_debian() is None
    assert [command[:2] for command in commands] == [("apt-get", "update"), ("apt-get", "install")]
