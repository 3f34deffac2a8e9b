"""Traces on demand, and distinctive experts against others of like usage."""

from pathlib import Path

import numpy as np
import pytest
import torch

from core.analysis.differential import differential, prompts
from core.probe.errors import ProbeError
from core.probe.subject import Subject, ask
from core.probe.sweep import _against, _usage
from core.probe.trace import FOLDER, MOST_KEPT
from core.trace.newest import newest_trace
from core.trace.record import Trace, read
from tests.core.probe.subjects import subject
from tests.core.probe.test_inspect import plain


@pytest.fixture
def of(tmp_path: Path) -> Subject:
    made = subject(plain())
    made.folder = tmp_path / "calm-owl"
    return made


def traced(of: Subject, **asked: object) -> Trace:
    found = ask(of, "trace", asked)
    path = of.folder / found.path
    assert path.stat().st_size == found.bytes
    trace = read(path)
    assert trace.header.tokens == found.tokens
    return trace


def test_texts_are_traced_as_domains_by_file(of: Subject) -> None:
    texts = [{"name": "a.txt", "text": "aeiou" * 5}, {"name": "b.txt", "text": "12"}]
    trace = traced(of, texts=texts)
    assert trace.domains == ("a.txt", "b.txt")
    assert bytes(trace.tokens.token[trace.tokens.domain == 0].tolist()) == (b"aeiou" * 5)[:-1]
    assert trace.tokens.token[trace.tokens.domain == 1].tolist() == [ord("1")]
    assert (trace.header.run, trace.header.checkpoint) == ("calm-owl", 12)
    assert [layer.path for layer in trace.layers] == ["decoder.0.1", "decoder.1.1"]
    inspected = ask(of, "inspect", {"text": "aeiouaei"})
    np.testing.assert_array_equal(trace.layers[0].expert[:8], inspected.layers[0].expert_TK)
    np.testing.assert_allclose(trace.tokens.nll[:7], inspected.nll_T[:7], atol=1e-5)


def test_held_out_examples_in_parts_and_the_runs_own(of: Subject) -> None:
    whole, first, second = (traced(of, part=part) for part in ("all", "first", "second"))
    assert len(first.tokens.token) + len(second.tokens.token) == len(whole.tokens.token) == 48
    assert newest_trace(of.folder) is None  # those that were asked for do not stand for the run
    own = traced(of, own=True)
    assert newest_trace(of.folder) == of.folder / "traces" / "12.npz"
    np.testing.assert_array_equal(own.layers[1].expert, whole.layers[1].expert)
    off = traced(of, domains=["digits"], overrides={"decoder.0.1": {"suppress": [2]}})
    assert set(off.tokens.domain.tolist()) == {1}
    assert not (off.layers[0].expert == 2).any()


def test_only_so_many_are_kept(of: Subject) -> None:
    for i in range(MOST_KEPT + 3):
        traced(of, texts=[{"name": "a", "text": f"aeiou{i}"}])
    assert len(list((of.folder / "traces" / FOLDER).iterdir())) == MOST_KEPT


def test_questions_that_contradict_themselves(of: Subject) -> None:
    text = {"name": "a", "text": "aeiou"}
    for asked, match in (
        ({"texts": [text, text]}, "two texts have one name"),
        ({"texts": [text], "own": True}, "ask for one of them"),
        ({"own": True, "part": "first"}, "a run's own trace is of all"),
    ):
        with pytest.raises(ProbeError, match=match):
            ask(of, "trace", asked)


def planted(of: Subject) -> None:
    """Digits go to experts 0 and 1 of the second layer, whose outputs the head then needs."""
    model = of.model
    with torch.no_grad():
        layer = dict(model.parts())["decoder.1.1"].body
        rows = model.ends.embedding.weight[48:58].mean(0) - model.ends.embedding.weight[97:118].mean(0)
        layer.router.score.weight[0] += 3 * rows / rows.norm()


def test_a_map_finds_what_was_planted_and_a_sweep_weighs_it(of: Subject) -> None:
    planted(of)
    trace = traced(of, part="first", examples=12)
    found = prompts(trace)
    maps = differential(found.share_PLE, found.group_P, trace.domains)
    assert maps.distinctive(1, 1) == [(1, 0)]
    assert np.nansum(maps.map_GLE, axis=2) == pytest.approx(0)  # shares of a prompt sum to one
    cells = [["decoder.1.1", 0], ["decoder.0.1", 3]]
    asked = {"target": "digits", "cells": cells, "sizes": [1, 2], "draws": 3, "examples": 12}
    sweep = ask(of, "sweep", asked)
    assert (sweep.target, sweep.domains) == ("digits", ("vowels", "digits"))
    one, two = sweep.steps
    assert (one.size, two.size, len(two.cells)) == (1, 2, 2)
    assert one.control_DN.shape == (3, 2)
    for i, domain in enumerate(sweep.domains):
        wanted = {"overrides": {"decoder.1.1": {"suppress": [0]}}, "domains": [domain], "examples": 12}
        whole = ask(of, "whatif", wanted).shifts[0]
        assert whole.sequences == 12
        assert one.low_N[i] <= one.delta_N[i] <= one.high_N[i]
    target = one.delta_N[1]
    assert one.difference == pytest.approx(float(target - one.control_DN[:, 1].mean()), abs=1e-6)
    assert one.difference_low <= one.difference <= one.difference_high
    load_LE = _usage(of, 12)
    assert load_LE.sum() == 2 * 2 * 12 * 8  # layers, k, half of both domains, tokens
    assert one.usage == load_LE[1, 0]
    assert one.matched == pytest.approx(one.usage_D.mean() / load_LE[1, 0])
    again = ask(of, "sweep", asked)
    np.testing.assert_array_equal(again.steps[1].control_DN, two.control_DN)


def test_the_interval_of_a_known_ratio() -> None:
    rng = np.random.default_rng(0)
    rise_S = rng.normal(3.0, 0.3, 400)
    rise_DS = rng.normal(1.0, 0.3, (20, 400))
    (ratio, low, high), (difference, below, above) = _against(rise_S, rise_DS, 0)
    assert ratio == pytest.approx(3, rel=0.02)
    assert ratio is not None
    assert low < 3 < high
    assert high - low < 0.3
    assert below < 2 < above
    assert difference == pytest.approx(2, rel=0.02)
    assert _against(rise_S, -rise_DS, 0)[0] == (None, None, None)


def test_a_sweep_that_cannot_be_done(of: Subject) -> None:
    def refused(match: str, **asked: object) -> None:
        whole = {"target": "digits", "cells": [["decoder.0.1", 0]], "sizes": [1], **asked}
        whole |= {"examples": 8} if asked else {}
        with pytest.raises(ProbeError, match=match):
            ask(of, "sweep", whole)

    refused("knows no domain 'x'", target="x")
    refused(r"'vowels' has 3 held-out examples here.*To fix this, use at least 4 examples")
    refused(r"Sizes are 2 and 1 experts are named. To fix this, use sizes from 1 to 1", sizes=[2])
    refused(r"no expert 9 in layer 'decoder.0.1'. To fix this", cells=[["decoder.0.1", 9]])
    many = [["decoder.0.1", i] for i in range(4)]
    refused(r"has 6 experts and 4 of them were chosen", cells=many, sizes=[4])
