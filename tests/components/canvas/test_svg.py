"""The drawing as a file: a document of its own, the same bytes each time, and the design can be read back."""

import json
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.canvas.heat import Heat
from components.canvas.layout import draw
from components.canvas.letters import cut, width_of
from components.canvas.svg import NoDesignError, design_of, is_svg, svg
from components.canvas.theme import Theme, mix, text_on
from components.words import humanise
from core.cost.count import count
from core.design.bodies.moe import Moe
from core.design.edits import parse
from core.design.presets.registry import names, preset
from core.design.rules import check
from core.design.spec import Design
from tests.strategies import any_designs

RAMP = ("#EDF8F9", "#82CFD2", "#186995", "#1E2B53")
THEME = Theme(
    ink="#151619", paper="#FFFFFF", well="#F6F6F4", line="#E2E2DE", accent="#2F5BD3",
    warning="#B85C00", warning_paper="#FDF1E1", error="#B3261E", error_paper="#FCEBE9",
    attention="#4977D0", expert="#057553", router="#9E7104", shared="#6E49A3", ramp=RAMP,
)  # fmt: skip
SVG = "{http://www.w3.org/2000/svg}"


def painted(design: Design, heat: Heat | None = None) -> str:
    routed = {p.pointer for p in design.parts() if isinstance(p.part.body, Moe)}
    return svg(draw(design, count(design), check(design), opened=routed, heat=heat), design, THEME)


def words(text: str) -> str:
    """All that a reader of the drawing reads."""
    return " ".join("".join(node.itertext()) for node in ET.fromstring(text).iter(f"{SVG}text"))


@pytest.mark.parametrize("name", names())
def test_every_preset_is_painted_with_its_parts(name):
    design = preset(name)
    text = painted(design)
    root = ET.fromstring(text)
    assert root.tag == f"{SVG}svg"
    assert root.findtext(f"{SVG}title") == design.name
    read = words(text)
    assert all(humanise(placed.part.body.kind) in read for placed in design.parts())
    assert not [node.tag for node in root.iter() if node.tag.split("}")[1] in ("script", "image", "use", "a")]
    assert text == painted(design)
    assert parse(design_of(text)) == design


@settings(max_examples=40)
@given(any_designs(), st.text(min_size=1, max_size=80))
def test_every_design_comes_back_from_its_drawing(design, name):
    design = design.model_copy(update={"name": name})
    text = painted(design)
    ET.fromstring(text.encode())
    assert is_svg(text)
    back = parse(design_of(text))
    assert back == design
    assert back.sha == design.sha


def test_a_name_is_only_ever_text():
    name = '</title><script>alert("1")</script>&amp;\x07]]>'
    design = preset("starter").model_copy(update={"name": name})
    text = painted(design)
    root = ET.fromstring(text)
    assert root.findtext(f"{SVG}title") == name.replace("\x07", "")
    assert not list(root.iter(f"{SVG}script"))
    assert design_of(text)["name"] == name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<svg xmlns='http://www.w3.org/2000/svg'/>", "holds no design"),
        # Of the size that the studio still reads: a search that goes back at each start takes hours.
        ("<svg>" + '<metadata id="moe-studio-design">' * 120_000, "holds no design"),
        ('<svg><metadata id="moe-studio-design">{</metadata></svg>', "is damaged"),
        ('<svg><metadata id="moe-studio-design">' + "[" * 100_000 + "</metadata></svg>", "is damaged"),
    ],
)
def test_a_drawing_without_a_design_is_told(text, words):
    assert is_svg(text)
    with pytest.raises(NoDesignError, match=words) as caught:
        design_of(text)
    assert "To fix this" in str(caught.value)
    assert not is_svg(json.dumps({"width": 1}))


def test_heat_is_painted_with_its_legend_and_dead_experts_are_hatched():
    design = preset("starter")
    moe = next(p.pointer for p in design.parts() if isinstance(p.part.body, Moe))
    boxes = {f"{moe}/body/experts/0@{number}": (number / 7, f"{number} %") for number in range(8)}
    heat = Heat("load", "Load in run 41", "0", "2.2 × fair share", boxes, frozenset({next(iter(boxes))}))
    text = painted(design, heat)
    read = words(text)
    assert "Load in run 41" in read
    assert "2.2 × fair share" in read
    assert "7 %" in read
    rects = list(ET.fromstring(text).iter(f"{SVG}rect"))
    assert len([rect for rect in rects if rect.get("fill") == "url(#hatch)"]) == 1
    assert len([rect for rect in rects if rect.get("fill") == THEME.heat(1.0)]) == 1


def test_colours_mix_as_in_the_browser_and_text_on_them_reads():
    assert mix("#000000", "#FFFFFF", 0.5) == "#808080"
    assert mix("#151619", "#FFFFFF", 0.68) == "#606163"
    assert (THEME.heat(0), THEME.heat(1)) == (RAMP[0], RAMP[-1])
    for step in range(101):
        ground = THEME.heat(step / 100)
        light, dark = sorted((_luminance(ground), _luminance(text_on(ground))))[::-1]
        assert (light + 0.05) / (dark + 0.05) >= 4.5


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@given(st.text(max_size=60), st.floats(0, 400))
def test_text_is_cut_to_its_room(text, room):
    short = cut(text, 12, room)
    assert short == text or not short or short.endswith("…")
    assert width_of(short, 12) <= max(room, width_of("…", 12))
