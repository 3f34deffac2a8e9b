"""The gallery's cards: complete, small to send, each with a design behind it."""

import json
from dataclasses import asdict

import pytest

from app.composer import shelf
from components.gallery.fingerprint import fingerprint
from core.design.presets.methods import methods
from core.design.presets.registry import PRESETS
from core.design.rules import check


def test_every_published_architecture_method_and_starter_has_a_card():
    groups = [card.group for card in shelf.everything()]
    assert groups.count(shelf.PUBLISHED) == sum(entry.kind == "published" for entry in PRESETS)
    assert groups.count(shelf.METHODS) == len(methods())
    assert groups.count(shelf.STARTERS) == sum(entry.kind == "starter" for entry in PRESETS)
    assert len({card.key for card in shelf.everything()}) == len(groups)


@pytest.mark.parametrize("card", shelf.everything(), ids=lambda card: card.key)
def test_a_card_says_what_its_design_is(card):
    design = shelf.design_of(card.key)
    assert card.total == sum(placed.times * placed.weight.size for placed in design.weights())
    assert card.line.endswith(".")
    assert sum(times for _, times in card.print.rows) == len(fingerprint(design))
    trains = not [p for p in check(design, stage="train") if p.severity == "error"]
    assert (card.badge == "Trains here") == trains
    assert card.shrinks == (card.group == shelf.PUBLISHED)
    assert card.badge or card.shrinks or not design.depth


def test_sources_are_links_that_only_the_user_follows():
    assert shelf.link("arXiv 2401.04088") == "https://arxiv.org/abs/2401.04088"
    assert shelf.link("huggingface.co/databricks/dbrx-base") == "https://huggingface.co/databricks/dbrx-base"
    assert shelf.link("control") == ""
    published = [card for card in shelf.everything() if card.group == shelf.PUBLISHED]
    assert all(card.link.startswith("https://") and card.shrinks for card in published)


def test_the_cards_are_small_to_send():
    assert len(json.dumps([asdict(card) for card in shelf.shown()])) < 4_000
    assert len(json.dumps([asdict(card) for card in shelf.everything()])) < 50_000
