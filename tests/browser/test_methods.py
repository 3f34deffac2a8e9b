"""The methods of the list beside the drawing: all of them are there, and each writes what its edit says."""

import re

from playwright.sync_api import Page, expect

from core.design.bodies.moe import Moe
from core.design.edits import apply
from core.design.presets.methods import method_edit, methods
from core.design.presets.registry import preset
from core.design.spec import Design
from tests.browser.conftest import OpenPage
from tests.browser.design import new_draft, part, until
from tests.browser.server import Server
from tests.browser.test_canvas import item


def routed(design: Design) -> Moe:
    """The first MoE layer."""
    return next(placed.part.body for placed in design.parts() if isinstance(placed.part.body, Moe))


def after(design: Design, name: str) -> Design:
    """The design with a method written over its first MoE layer, without a browser."""
    pointer = next(placed.pointer for placed in design.parts() if isinstance(placed.part.body, Moe))
    written = apply(design, method_edit(design, pointer, name))
    assert isinstance(written, Design)
    return written


def named(page: Page, title: str):
    """A method of the opened list."""
    return item(page, re.escape(title) + "$")


def test_methods_are_written_by_click_and_by_keyboard(open_page: OpenPage, server: Server):
    draft = new_draft(server, "starter")
    page = open_page(f"/design?design={draft}")
    more = item(page, f"All {len(methods())} methods")
    more.click()
    expect(more).to_have_count(0)
    listed = item(page, "").all_text_contents()
    assert {entry.title for entry in methods()} <= set(listed)
    wanted = preset("starter")
    for name, title in (("hmoe", "HMoE"), ("skillnet", "SkillNet"), ("aoe", "Autonomy of Experts")):
        named(page, title).click()
        wanted = after(wanted, name)
        until(server, draft, page, routed, routed(wanted))
    part(page, "MoE layer").focus()
    page.keyboard.press("/")
    page.keyboard.type("Route by THOR")
    page.keyboard.press("Enter")
    wanted = after(wanted, "thor")
    until(server, draft, page, routed, routed(wanted))
    named(page, "Switch").focus()
    page.keyboard.press("Enter")
    until(server, draft, page, routed, routed(after(wanted, "switch")))
    page.keyboard.press("Control+z")
    until(server, draft, page, routed, routed(wanted))
