"""`python -m app draw`: a file that shows the design and is one."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from app import cli
from app.composer.pasting import Pasted, pasted
from app.designs import read_design
from app.drawing import theme
from components.canvas.theme import text_on
from core.design.presets.registry import preset


def call(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    status = cli.main(argv)
    output = capsys.readouterr()
    return status, output.out, output.err


@pytest.mark.parametrize("more", [(), ("--heat", "latency"), ("--dark", "--open", "all", "--width", "820")])
def test_a_drawing_is_written_and_read_as_the_design_it_shows(tmp_path, capsys, more):
    file = tmp_path / "a.svg"
    assert call(capsys, "draw", "deepseek-v3", "--out", str(file), *more) == (0, f"wrote {file}\n", "")
    assert "MoE layer" in "".join(ET.parse(file).getroot().itertext())
    assert read_design(str(file))[0] == preset("deepseek-v3")
    status, out, _ = call(capsys, "cost", str(file))
    assert status == 0
    assert "671.0\u2009B" in out


def test_the_drawing_goes_to_the_screen_without_a_file_and_shows_what_is_opened(capsys):
    drawn = {}
    for which in ("all", "first", "none"):
        status, drawn[which], _ = call(capsys, "draw", "jamba-v0.1", "--open", which)
        assert status == 0
    routers = {which: text.count(">Router<") for which, text in drawn.items()}
    assert routers["none"] == 0
    assert routers["first"] == 1
    assert routers["all"] > 1


def test_what_cannot_be_written_or_read_is_told(tmp_path, capsys):
    status, _, err = call(capsys, "draw", "starter", "--out", str(tmp_path))
    assert status == 1
    assert "cannot be written" in err
    assert "To fix this" in err
    other = tmp_path / "other.svg"
    other.write_text("<svg/>")
    status, _, err = call(capsys, "draw", str(other))
    assert status == 1
    assert "holds no design" in err


@pytest.mark.parametrize("name", ["light", "dark"])
def test_numbers_read_on_every_colour_of_the_ramp(name):
    colours = theme(name)
    for step in range(101):
        ground = colours.heat(step / 100)
        assert _contrast(ground, text_on(ground)) >= 4.5


def _contrast(one: str, other: str) -> float:
    def light(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_drawing_is_the_same_bytes_each_time(tmp_path, capsys):
    files = [tmp_path / "a.svg", tmp_path / "b.svg"]
    for file in files:
        call(capsys, "draw", "starter", "--out", str(file), "--heat", "flops")
    assert Path(files[0]).read_bytes() == Path(files[1]).read_bytes()


def test_a_pasted_drawing_is_the_design_it_shows(capsys):
    _, text, _ = call(capsys, "draw", "mixtral-8x7b", "--heat", "parameters")
    result = pasted(text)
    assert isinstance(result, Pasted)
    assert result.design == preset("mixtral-8x7b")
    refused = pasted("<svg/>")
    assert isinstance(refused, str)
    assert "holds no design" in refused
