"""Rules of the house that no linter knows."""

import ast
import re
import subprocess
import sys
import tomllib
from hashlib import sha256
from pathlib import Path

import pytest

from app.cli import COMMANDS
from core.design.huggingface.registry import FAMILIES
from core.design.plain import Choice
from core.design.presets.methods import methods
from core.design.presets.registry import PRESETS
from core.papers.registry import papers

HARD_LIMIT = 600
BIG = 500_000
CODE = (".py", ".js", ".css")
INDEX_HOST = re.compile(r"(index-url|registry)[\s=:]+[\"']?https?://")
OUTSIDE = re.compile(r"(?<![\w.}])/(home|root|work|Users)/\w+")


@pytest.fixture(scope="module")
def tracked(root: Path) -> list[Path]:
    """Every file that is in git, or will be at the next commit."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.splitlines()
    return [path for name in names if (path := root / name).is_file()]


def texts(paths: list[Path]) -> dict[Path, str]:
    """The text files among `paths`."""
    found = {}
    for path in paths:
        try:
            found[path] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return found


def test_no_file_is_too_long_to_read(tracked):
    long = {
        str(path): lines
        for path, text in texts([path for path in tracked if path.suffix in CODE]).items()
        if (lines := text.count("\n")) > HARD_LIMIT
    }
    assert long == {}


def test_no_file_is_too_big_for_git(tracked):
    assert [path.name for path in tracked if path.stat().st_size > BIG] == []


def test_no_file_names_a_package_index_or_a_place_outside(tracked):
    guilty = {
        str(path): match[0]
        for path, text in texts([path for path in tracked if path != Path(__file__)]).items()
        if (match := INDEX_HOST.search(text) or OUTSIDE.search(text))
    }
    assert guilty == {}


def test_no_file_is_left_to_do(tracked):
    marker = re.compile(r"\b(TODO|FIXME|XXX)\b")
    guilty = [
        path.name
        for path, text in texts([p for p in tracked if p.suffix in CODE]).items()
        if marker.search(text)
    ]
    assert guilty == ["test_house.py"]


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-test.txt"])
def test_requirements_are_pinned(root: Path, name: str):
    lines = (root / name).read_text().splitlines()
    wanted = [line for line in lines if line and not line.startswith(("#", "-r "))]
    assert [line for line in wanted if not re.fullmatch(r"[a-z0-9_-]+==[0-9][0-9a-z.]*(\.\*)?", line)] == []
    assert [line for line in wanted if line.endswith("*")] in ([], ["streamlit==1.67.*"])


def test_package_inits_hold_a_docstring_only(root: Path):
    for room in ("app", "components", "core", "storage"):
        for path in (root / room).rglob("__init__.py"):
            body = ast.parse(path.read_text()).body
            assert [type(node) for node in body] == [ast.Expr], path
            assert ast.get_docstring(ast.parse(path.read_text())), path


#: Kinds that are also words of other rooms, such as kinds of data; by themselves they say nothing.
WORDS = {"all", "given", "linear", "mean", "ones", "raw", "table", "uniform"}
AXES = ("score", "select", "weigh", "combine", "condition", "modifier", "balance")
#: The drawing and its foot write the plain score as `x W` or not at all: nothing else depends on it.
SAID_PLAINLY = {"app/composer/sentences.py", "components/canvas/notes.py"}


def test_no_condition_asks_for_the_name_of_a_routing_method(root: Path):
    """Values of the axes are asked for what they can do, so that a new one is one file."""
    names = {method.name for method in methods()}.union(*(Choice.known[axis].members for axis in AXES))
    of_axis = re.compile(rf"\b({'|'.join(AXES)})\w*\b.*\bkind\b")
    guilty = set()
    for path in (
        path for room in ("app", "components", "core", "storage") for path in (root / room).rglob("*.py")
    ):
        for node in ast.walk(ast.parse(path.read_text())):
            said = _compared(node) & names
            if said - WORDS or (said and of_axis.search(ast.unparse(node))):
                guilty.add(str(path.relative_to(root)))
    assert guilty == SAID_PLAINLY


def _compared(node: ast.AST) -> set[object]:
    """Constants that something is compared with, one by one or as one of several."""
    sides = [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
    sides += [node.value] if isinstance(node, ast.MatchValue) else []
    several = [entry for side in sides for entry in getattr(side, "elts", [side])]
    return {entry.value for entry in several if isinstance(entry, ast.Constant)}


def test_dockerfile_has_two_stages_a_numeric_user_and_a_health_check(root: Path):
    text = (root / "Dockerfile").read_text()
    stages = text.split("\nFROM ")[1:]
    assert len(stages) == 2
    base = re.search(r"^ARG BASE=(\S+)$", text, re.MULTILINE)
    assert base
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", base[1])
    run = stages[1]
    assert re.search(r"^USER 10001:10001$", run, re.MULTILINE)
    assert re.search(r"^VOLUME /data$", run, re.MULTILINE)
    assert re.search(r'^HEALTHCHECK (.|\\\n)*CMD \["python"', run, re.MULTILINE)
    assert re.search(r'^CMD \["python", "-m", "app", "serve"\]$', run, re.MULTILINE)
    assert "STREAMLIT_BROWSER_SERVER_ADDRESS=localhost" in run
    assert ":latest" not in text


def test_every_copied_name_passes_the_dockerignore(root: Path):
    allowed = {line[1:] for line in (root / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {"app", "components", "core", "storage", ".streamlit/config.toml", "requirements.txt"} <= allowed


def test_the_ui_process_never_loads_torch(root: Path):
    script = (
        "import sys; from streamlit.testing.v1 import AppTest; from app.pages import PAGES\n"
        "at = AppTest.from_file('app/main.py', default_timeout=60).run()\n"
        "for page in PAGES: at.switch_page(f'views/{page.file}').run(); assert not at.exception, page\n"
        "assert 'app.state' in sys.modules\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1:] == ["False"], done.stderr


def test_the_theme_is_complete_in_both_modes(root: Path):
    theme = tomllib.loads((root / ".streamlit/config.toml").read_text())["theme"]
    assert theme["light"].keys() == theme["dark"].keys()
    for font in theme["fontFaces"]:
        assert (root / font["url"]).is_file()


def test_the_server_listens_to_this_machine_only(root: Path):
    server = tomllib.loads((root / ".streamlit/config.toml").read_text())["server"]
    assert server["address"] == "localhost"
    assert server["maxUploadSize"] <= 20


def test_make_run_says_what_is_missing_without_python(root: Path, tmp_path: Path):
    """On a machine without Python 3.11 the first command ends with a sentence, not with a puzzle."""
    for name in ("bash", "make", "sed", "echo"):
        found = subprocess.run(
            ["/bin/sh", "-c", f"command -v {name}"], capture_output=True, text=True, check=True
        )
        (tmp_path / name).symlink_to(found.stdout.strip())
    (tmp_path / "Makefile").write_text((root / "Makefile").read_text())
    (tmp_path / "requirements.txt").touch()
    done = subprocess.run(
        [tmp_path / "make", "run"],
        cwd=tmp_path,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "To fix this, install it" in done.stderr


def test_readme_and_contributing_name_only_commands_that_exist(root: Path):
    targets = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text(), re.MULTILINE))
    for name in ("README.md", "CONTRIBUTING.md"):
        text = (root / name).read_text()
        assert set(re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE)) <= targets
        assert set(re.findall(r"python -m app ([a-z]+)", text)) <= COMMANDS.keys()


def test_the_readme_counts_what_there_is(root: Path):
    text = (root / "README.md").read_text()
    published = sum(entry.kind == "published" for entry in PRESETS)
    axes = ("score", "select", "weigh", "combine", "condition", "modifier", "balance")
    values = sum(len(Choice.known[axis].members) for axis in axes)
    parts, experts = (len(Choice.known[name].members) for name in ("body", "expert"))
    entries = papers()
    experiments = sum(len(entry.experiments) for entry in entries)
    for words in (
        f"{parts} kinds of part, {experts} kinds of expert and {values} values on {len(axes)} routing axes",
        f"{published} published architectures and {len(methods())} routing methods",
        f"exact: {published} published architectures",
        f"{len(FAMILIES)} families are read",
        f"{len(entries)} papers with what they claim, and {experiments} experiments",
        f"All {len(methods())} routing methods train",
    ):
        assert words in text


def test_the_third_party_list_is_complete_and_unchanged(root: Path):
    listed = (root / "THIRD_PARTY.md").read_text()
    for font in (root / "app/static").glob("*.woff2"):
        assert f"{sha256(font.read_bytes()).hexdigest()}  {font.name}" in listed
