"""What overrides do to losses and to what is generated."""

import numpy as np
import pytest
import torch

from core.data.base import Dataset
from core.design.override import Override
from core.model.passing import Pass
from core.probe.answers import KINDS, WhatIf
from core.probe.errors import ProbeError
from core.probe.losses import HALF, WHOLE, interval, losses
from core.probe.subject import Subject, ask
from core.probe.wire import pack, unpack
from core.train.evaluate import evaluate
from tests.core.probe.subjects import subject
from tests.core.probe.test_inspect import plain

PATH = "decoder.0.1"
DOMAINS = ("vowels", "digits")


def whatif(of: Subject, overrides: object, **more: object) -> WhatIf:
    found: WhatIf = ask(of, "whatif", {"overrides": overrides, **more})
    return found


def test_losses_are_those_of_an_evaluation() -> None:
    of = subject(plain())
    data: Dataset = of.dataset
    wanted = evaluate(of.model, data.held_out(3, context=8), DOMAINS, 4, progress=1.0)
    found = whatif(of, {PATH: {"suppress": [1]}})
    assert [shift.domain for shift in found.shifts] == list(DOMAINS)
    for shift in found.shifts:
        assert shift.before == pytest.approx(wanted[f"loss/{shift.domain}"], abs=1e-6)
        assert shift.sequences == 3
        assert shift.low is not None
        assert shift.low <= shift.delta <= shift.high
        assert shift.delta == pytest.approx(shift.after - shift.before)
        assert shift.delta != 0
    assert found.measured == WHOLE
    assert unpack(pack(found), KINDS) == found


def test_nothing_changed_changes_nothing() -> None:
    found = whatif(subject(plain()), {}, prompts=["aei"], tokens=12)
    assert [(s.delta, s.low, s.high) for s in found.shifts] == [(0, 0, 0)] * 2
    (generation,) = found.generations
    assert generation.before == generation.after
    assert len(generation.before.encode("utf-8", "replace")) >= 12


def test_the_difference_is_paired_with_itself() -> None:
    of = subject(plain())
    off = {PATH: Override(suppress=(0, 1))}
    batch = of.held_out("digits")
    rise = losses(of, batch, off) - losses(of, batch, {})
    shift = whatif(of, {PATH: {"suppress": [0, 1]}}, domains=["digits"]).shifts[0]
    assert shift.delta == pytest.approx(rise.mean())


def test_the_interval_is_students() -> None:
    from scipy import stats

    differences = np.random.default_rng(0).gamma(2.0, size=40)
    wanted = stats.t.interval(0.95, 39, differences.mean(), stats.sem(differences))
    assert interval(differences) == pytest.approx(wanted, abs=1e-6)
    assert interval(differences[:1]) is None


def test_texts_of_ones_own_and_too_few_experts() -> None:
    of = subject(plain())
    found = whatif(of, {PATH: {"suppress": [0, 1, 2, 3, 4]}}, texts=[{"name": "mine", "text": "a1e2i3"}])
    (shift,) = found.shifts
    assert (shift.domain, shift.sequences, shift.low) == ("mine", 1, None)
    assert found.notes == ("Layer decoder.0.1 has 1 of its 6 experts left, so a token gets 1 at most.",)
    both = whatif(of, {}, domains=["digits"], texts=[{"name": "mine", "text": "a1e2i3"}])
    assert [shift.domain for shift in both.shifts] == ["digits", "mine"]


def test_a_phase_is_measured_on_the_second_half() -> None:
    of = subject(plain())
    found = {
        scope: whatif(of, {PATH: {"suppress": [0, 1, 2], "scope": scope}}, domains=["digits"])
        for scope in ("all", "prefill", "decode")
    }
    assert [one.measured for one in found.values()] == [WHOLE, HALF, HALF]
    after = [one.shifts[0].after for one in found.values()]
    assert len(set(after)) == 3
    batch = of.held_out("digits")
    first = torch.from_numpy(batch.inputs)
    with of.overridden({PATH: Override(suppress=(0, 1, 2))}), torch.no_grad():
        logits = of.model(first, Pass(step=12)).logits["next"]
    nll = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), torch.from_numpy(batch.targets["next"]).flatten(), reduction="none"
    )
    assert found["all"].shifts[0].after == pytest.approx(float(nll.mean()), abs=1e-5)


def test_generating_is_greedy_and_its_phases_are_told_apart() -> None:
    of = subject(plain())
    prompt = "aeiou1"
    text = ask(of, "generate", {"prompt": prompt, "tokens": 9})["text"]
    ids = list(prompt.encode())
    with torch.no_grad():
        for _ in range(9):
            ids.append(int(of.model(torch.tensor([ids[-8:]]), Pass(step=12)).logits["next"][0, -1].argmax()))
    assert text == bytes(ids[6:]).decode("utf-8", "replace")
    off = {f"decoder.{i}.1": {"suppress": [0, 1, 2, 3]} for i in range(2)}
    first = {}
    for scope in ("all", "prefill", "decode"):
        wanted = {path: {**spec, "scope": scope} for path, spec in off.items()}
        first[scope] = ask(of, "generate", {"prompt": prompt, "tokens": 9, "overrides": wanted})["text"]
    assert first["decode"][0] == text[0]  # the first token comes from the prompt alone
    assert first["prefill"][0] == first["all"][0]
    drawn = [
        ask(of, "generate", {"prompt": prompt, "tokens": 9, "temperature": 1.0, "seed": seed})["text"]
        for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_draws_follow_the_probabilities() -> None:
    from core.probe.generate import Ask, _next

    logits_V = torch.log(torch.tensor([0.7, 0.2, 0.1]))
    asked = Ask(prompt="x", temperature=1.0)
    counts = np.bincount([_next(logits_V, asked, place) for place in range(2000)], minlength=3)
    np.testing.assert_allclose(counts / 2000, [0.7, 0.2, 0.1], atol=0.04)


def test_a_preset_holds_until_it_is_overridden() -> None:
    of, other = subject(plain()), subject(plain())
    off = {PATH: {"suppress": [0, 1]}}
    of.preset = {PATH: Override(suppress=(0, 1))}
    assert whatif(of, {}).shifts[0].before == whatif(other, off).shifts[0].after
    assert whatif(of, {PATH: {}}).shifts[0].after == whatif(other, {}).shifts[0].before
    assert whatif(of, {}).notes == whatif(of, off).notes == ()
    instead = whatif(of, {PATH: {"suppress": [2]}}).notes
    assert instead == (
        f"What {of.run} was kept with in layer {PATH} does not hold here: what is asked takes its place.",
    )


def test_what_cannot_be_measured() -> None:
    of = subject(plain())
    with pytest.raises(ProbeError, match=r"no routed layer 'x'. To fix this"):
        whatif(of, {"x": {"suppress": [0]}})
    with pytest.raises(ProbeError, match=r"knows no domain 'letters'"):
        whatif(of, {}, domains=["letters"])
    with pytest.raises(ProbeError, match=r"cannot be asked so: overrides.decoder.0.1.suppress"):
        whatif(of, {PATH: {"suppress": "all"}})
