"""A DeepSeek-style model from an empty canvas: by the mouse alone, by the keyboard alone, in few actions."""

import re

from playwright.sync_api import Locator, Page, expect

from core.design.bodies.moe import Moe
from core.design.presets.registry import preset
from core.design.spec import Design
from tests.browser import visit
from tests.browser.conftest import OpenPage
from tests.browser.design import new_draft, stored
from tests.browser.server import Server

MOST_ACTIONS = 40


class Hand:
    """A person at the page: counts clicks and key presses; the digits of a number count as nothing."""

    def __init__(self, page: Page) -> None:
        self.page, self.actions = page, 0

    def click(self, target: Locator) -> None:
        target.click()
        self._done()

    def press(self, key: str, times: int = 1) -> None:
        for _ in range(times):
            self.page.keyboard.press(key)
            self._done()

    def number(self, value: int) -> None:
        """Over the number in the focused field, and Enter."""
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(str(value))
        self.press("Enter")

    def _done(self) -> None:
        self.actions += 1
        visit.settle(self.page)


def is_deepseek_style(design: Design) -> None:
    """One dense layer, then five with fine-grained experts, shared ones, and a router balanced by biases."""
    assert design.depth == 6
    bodies = [occurrence.part.body for occurrence in design.occurrences()]
    assert [body.kind for body in bodies] == ["attention", "dense"] + ["attention", "moe"] * 5
    for body in bodies:
        if isinstance(body, Moe):
            assert (body.count, body.shared[0].count, body.per_token) == (64, 1, 6)
            assert [group.hidden for group in body.experts] == [64]
            assert body.router.score_function == "sigmoid"
            assert "bias_update" in [balancer.kind for balancer in body.balance]


def item(page: Page, name: str) -> Locator:
    """An entry of the list beside the drawing."""
    return page.get_by_role("toolbar", name="Add a part").get_by_role("button", name=re.compile(f"^{name}"))


def parts(page: Page) -> Locator:
    """What can be chosen in the drawing."""
    return page.get_by_role("group", name="Layers")


def type_over(hand: Hand, name: str, value: int) -> None:
    """Click into a number field beside the drawing and type."""
    hand.click(hand.page.get_by_role("spinbutton", name=name, exact=True))
    hand.number(value)


def to_the_end(page: Page, name: str) -> None:
    """Undo or redo all there is."""
    button = page.get_by_role("button", name=name)
    for _ in range(MOST_ACTIONS):
        # While Streamlit draws again an old button may stand beside the new one.
        expect(button).to_have_count(1)
        visit.settle(page)
        if button.is_disabled():
            return
        button.click()
        page.wait_for_timeout(300)
    raise AssertionError(f"{name} has no end")


def test_by_the_mouse_alone(open_page: OpenPage, server: Server):
    draft = new_draft(server, "blank")
    page = open_page(f"/design?design={draft}")
    hand = Hand(page)
    for name in ("Attention", "Dense FFN", "Whole layer"):
        hand.click(item(page, name))
    type_over(hand, "Experts", 64)
    type_over(hand, "Hidden width", 64)
    type_over(hand, "Experts per token", 6)
    hand.click(item(page, "Shared expert"))
    hand.click(item(page, "DeepSeek-V3"))
    hand.click(page.get_by_role("button", name="Layer 2", exact=True))
    type_over(hand, "Repeats", 5)
    expect(parts(page).get_by_text("×5")).to_be_visible()
    is_deepseek_style(stored(server, draft))
    assert hand.actions < MOST_ACTIONS
    to_the_end(page, "Undo")
    assert stored(server, draft) == preset("blank")
    page.reload()
    visit.settle(page)
    expect(page.get_by_text("No layers yet")).to_be_visible()
    to_the_end(page, "Redo")
    is_deepseek_style(stored(server, draft))


def test_by_the_keyboard_alone(open_page: OpenPage, server: Server):
    draft = new_draft(server, "blank")
    page = open_page(f"/design?design={draft}")
    hand = Hand(page)
    expect(parts(page).get_by_role("button", name=re.compile("^Token embedding"))).to_be_focused()
    for key in ("a", "f", "a", "m", "s", "/", "v", "3", "Enter"):
        hand.press(key)
    hand.press("i")
    page.wait_for_function("document.activeElement.tagName === 'INPUT'")
    for field, value in (("Experts", 64), ("Hidden width", 64), ("Experts per token", 6)):
        to_field(hand, field)
        hand.number(value)
    hand.press("Escape")
    hand.press("]", 4)
    expect(parts(page).get_by_text("×5")).to_be_visible()
    visit.settle(page)
    is_deepseek_style(stored(server, draft))
    assert hand.actions < MOST_ACTIONS


def to_field(hand: Hand, name: str) -> None:
    """Tab on to a number field."""
    while hand.page.evaluate("document.activeElement.ariaLabel") != name:
        hand.press("Tab")
        assert hand.actions < MOST_ACTIONS, f"{name} is not reached"
