"""What the studio promises of its text starter, trained as its plan says: minutes, so only at night."""

import numpy as np
import pytest
import torch

from core.analysis.differential import differential, prompts
from core.analysis.routers import compare, hashed
from core.data.load import load as load_data
from core.design.presets.registry import plan_for, preset
from core.probe.subject import Subject, ask, load
from core.trace.record import read
from core.train.run import resolve, train

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("runs") / "starter"
    folder.mkdir()
    design, data = preset("starter"), load_data("text", folder)
    plan = resolve(design, plan_for("starter"), data)
    for name, content in (("design", design), ("plan", plan)):
        (folder / f"{name}.json").write_text(content.model_dump_json())
    train(folder, design, plan, data, emit=lambda said: None, wanted=lambda: "run")
    return load(folder, lambda: data)


def test_a_domain_with_experts_of_its_own_needs_them(starter: Subject) -> None:
    """At least three times what other experts of like usage matter, also at the low end of the interval."""
    written = ask(starter, "trace", {"part": "first"})
    trace = read(starter.folder / written.path)
    found = prompts(trace)
    maps = differential(found.share_PLE, found.group_P, trace.domains)
    target = trace.domains.index("arithmetic")
    cells = [(found.paths[layer], expert) for layer, expert in maps.distinctive(target, 2)]
    asked = {"target": "arithmetic", "cells": cells, "sizes": [2], "draws": 20}
    (step,) = ask(starter, "sweep", asked).steps
    assert step.ratio_low is not None
    assert step.ratio_low > 3
    assert step.difference_low > 0
    assert step.low_N[target] > 0
    assert 0.5 < step.matched < 2
    others = np.delete(step.delta_N, target)
    assert others.max() < step.delta_N[target] / 3


def test_the_learned_router_loses_less_than_a_hash(starter: Subject) -> None:
    found = ask(starter, "expertise", {"examples": 32})
    routers = compare(found.loss_NE, found.chosen_N, found.sequence_N, {"hash": hashed(found.token_N, 8)})
    worse = dict(zip(routers.names, routers.worse_R, strict=True))["hash"]
    assert worse[1] > 0  # the low end of the interval
