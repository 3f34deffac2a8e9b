"""The Tokens section: what is said of a text whose routing is known."""

import numpy as np
import pytest

from app.views._routing import one_token, tokens
from core.probe.answers import Inspection, LayerView

TEXT = b"a 1\n"


def layer(path: str = "decoder.1.1") -> LayerView:
    """Three experts, two picks: the space is dropped by both, the digit by its first."""
    expert_TK = np.array([[2, 0], [1, 0], [1, 2], [0, -1]], np.int16)
    accepted_TK = np.array([[1, 1], [0, 0], [0, 1], [1, 0]], bool)
    T, K, E = 4, 2, 3
    ones_TK = np.ones((T, K), np.float32)
    return LayerView(
        path=path,
        experts=E,
        expert_TK=expert_TK,
        accepted_TK=accepted_TK,
        weight_TK=ones_TK / 2,
        probability_TE=np.array([[0.3, 0.1, 0.6], [0.3, 0.6, 0.1], [0.1, 0.6, 0.3], [1, 0, 0]], np.float32),
        entropy_T=np.zeros(T, np.float32),
        margin_T=np.array([0.2, 0.2, 0.2, np.inf], np.float32),
        contribution_TK=ones_TK,
        output_T=np.ones(T, np.float32),
        lens_TKN=np.full((T, K, 5), 97, np.int16),
        lens_logit_TKN=np.zeros((T, K, 5), np.float32),
    )


def inspection() -> Inspection:
    return Inspection(
        run="starter-1",
        step=10,
        context=64,
        token_T=np.frombuffer(TEXT, np.uint8).astype(np.int16),
        position_T=np.arange(4, dtype=np.int32),
        nll_T=np.array([np.log(2), np.log(4), np.log(8), np.nan], np.float32),
        guess_TN=np.full((4, 5), 97, np.int16),
        guess_probability_TN=np.full((4, 5), 0.2, np.float32),
        layers=(layer(),),
        notes=(),
        together=(),
    )


def test_a_cell_has_the_first_expert_that_took_the_byte_and_says_when_none_did():
    found = inspection()
    cells = tokens.cells(found, found.layers[0])
    assert [cell.below for cell in cells] == ["2", "1", "2", "0"]
    assert [cell.kind for cell in cells] == [2, -1, 2, 0]
    assert [cell.off for cell in cells] == [False, True, False, False]
    assert [cell.text for cell in cells] == ["a", "␣", "1", "↵"]
    assert [cell.ends for cell in cells] == [False, False, False, True]
    assert cells[1].said == "2: ␣, dropped by expert 1"


def test_the_finding_counts_first_experts_that_took_a_byte():
    said = tokens.finding(layer())
    assert said == "Expert 2 is first for 67\u2009% of this text; 2 of 3 experts are first somewhere"


def test_the_loss_of_a_text_is_in_nats_as_in_its_table():
    found = inspection()
    assert tokens.nats(found) == pytest.approx(2 * np.log(2))
    losses = tokens.rows(found, found.layers[0])["loss, nats"]
    assert losses.mean() == pytest.approx(tokens.nats(found), abs=1e-3)


def test_the_table_has_every_pick_and_nothing_where_there_was_none():
    found = inspection()
    table = tokens.rows(found, found.layers[0])
    assert table["pick 1"].tolist() == [2, 1, 1, 0]
    assert table["pick 2"].isna().tolist() == [False, False, False, True]
    assert table["token"].tolist() == ["a", "␣", "1", "↵"]


def test_shares_of_a_token_begin_with_its_picks_and_name_what_was_dropped():
    shares = one_token.shares(layer(), 2)
    assert [expert for expert, _, _ in shares] == [1, 2, 0]
    assert [words for _, _, words in shares] == [
        "60\u2009%, dropped: no room",
        "30\u2009%",
        "10\u2009%, not picked",
    ]
    assert one_token.finding(layer(), 2) == "expert 2 took it"
    assert one_token.finding(layer(), 1) == "no expert took it"


def test_a_text_is_cut_at_whole_characters_and_an_empty_one_is_said():
    assert tokens.cut("a1e2") == ("a1e2", "")
    text, said = tokens.cut("x" + "é" * 5_000)
    assert text == "x" + "é" * 999
    assert said.startswith("The text has 10\u2009000 bytes, and the first 2\u2009000 are read.")
    assert tokens.cut(" \n\t")[0] == ""
    assert "To fix this" in tokens.cut("")[1]
