"""The command line: help is quick and light, mistakes are sentences."""

import subprocess
import sys
from importlib import import_module

import pytest

from app import cli


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_shows_its_help(name: str, capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main([name, "--help"])
    assert f"python -m app {name}" in capsys.readouterr().out


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_file_has_both_functions(name: str):
    module = import_module(f"app.commands.{name}")
    assert callable(module.add_arguments)
    assert callable(module.run)


@pytest.mark.parametrize("argv", [[], ["fly"], ["serve", "--wings"], ["serve", "--port", "many"]])
def test_wrong_usage_exits_with_two(argv: list[str], capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(argv)
    assert "usage: python -m app" in capsys.readouterr().err


def test_a_user_error_is_a_sentence_on_stderr(capsys):
    assert cli.main(["serve", "--port", "70000"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("Port 70000 does not exist")
    assert "To fix this" in captured.err


@pytest.fixture
def add_command(monkeypatch):
    """Put a command of this test into the registry: one name, one module."""

    def add(run) -> None:
        module = type(sys)("app.commands.dummy")
        module.add_arguments = lambda parser: parser.add_argument("word")
        module.run = run
        monkeypatch.setitem(sys.modules, "app.commands.dummy", module)
        monkeypatch.setitem(cli.COMMANDS, "dummy", "a command of the test")

    return add


def test_a_new_command_is_a_registry_line(add_command):
    add_command(lambda args: len(args.word))
    assert cli.main(["dummy", "seven"]) == 5


def test_other_exceptions_are_not_hidden(add_command):
    add_command(lambda args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main(["dummy", "x"])


def test_an_interrupt_is_quiet(add_command):
    def interrupted(_args):
        raise KeyboardInterrupt

    add_command(interrupted)
    assert cli.main(["dummy", "x"]) == cli.INTERRUPTED


def test_user_errors_reach_the_shell_without_a_traceback(root):
    done = subprocess.run(
        [sys.executable, "-m", "app", "serve", "--port", "0"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_a_reader_that_leaves_early_is_no_error(root):
    """`python -m app presets | head -1` must not end in a traceback."""
    script = (
        "import sys; from app import cli\n"
        "module = type(sys)('app.commands.dummy')\n"
        "module.add_arguments = lambda parser: None\n"
        "module.run = lambda args: print('line\\n' * 200_000) or 0\n"
        "sys.modules['app.commands.dummy'] = module\n"
        "cli.COMMANDS['dummy'] = 'prints a lot'\n"
        "sys.exit(cli.main(['dummy']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"line\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(20) == 0
