"""Runs whose layers select nothing: what their record and their trace say."""

from pathlib import Path

import numpy as np
import pytest

from core.analysis.summary import summary
from core.design.presets.pieces import attention, decoder, glu, language, layer, moe, repeat, router
from core.design.spec import Design
from core.trace.newest import newest_trace
from core.trace.record import read
from tests.core.train.tiny import Killed, Run, killed_at, tiny_plan


def soft_design() -> Design:
    """Experts merged for each position over the batch, which does not look ahead; a hard layer below."""
    merge = router(2, scope="position", combine={"kind": "param_merge"}) | {"select": {"kind": "all"}}
    layers = layer(attention(2), moe([glu(4, 4)], router(2)), moe([glu(4, 4)], merge))
    return Design.model_validate({"width": 8, "task": language(8), "stacks": decoder(repeat(1, layers))})


def test_the_record_has_shares_where_nothing_is_selected(tmp_path: Path) -> None:
    run = Run(tmp_path, design=soft_design())
    run.train()
    rows = [row for row in run.rows().values() if row.domain_expert]
    assert rows
    for row in rows:
        assert [found.path for found in row.layers] == list(row.domain_expert) == ["decoder.0.1"]
        (share,) = row.domain_share.values()
        assert list(row.domain_share) == ["decoder.0.2"]
        assert np.shape(share) == (2, 4)
        assert np.sum(share, 1) == pytest.approx([1, 1], abs=1e-4)


def test_the_trace_has_shares_for_every_token(tmp_path: Path) -> None:
    run = Run(tmp_path, design=soft_design())
    run.train()
    path = newest_trace(tmp_path)
    assert path is not None
    hard, soft = read(path).layers
    assert (hard.soft, soft.soft, soft.header.k, soft.header.scope) == (False, True, 0, "position")
    assert soft.probability is not None
    tokens = read(path).header.tokens
    assert soft.expert.shape == soft.accepted.shape == soft.weight.shape == (tokens, 0)
    assert soft.probability.astype(np.float32).sum(1) == pytest.approx(np.ones(tokens), abs=3e-3)
    assert np.isinf(soft.margin).all()
    figures = summary(read(path))[1]
    assert figures["load"] is None
    assert sum(figures["share"]) == pytest.approx(1, abs=3e-3)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_run_that_was_killed_writes_the_same_rows(tmp_path: Path, dtype: str) -> None:
    plan = tiny_plan(expert_dtype=dtype)
    whole, broken = (Run(tmp_path / name, plan, soft_design()) for name in ("whole", "broken"))
    whole.train()
    with pytest.raises(Killed):
        broken.train(emit=killed_at(10, broken.said))
    broken.train()
    assert broken.rows() == whole.rows()
