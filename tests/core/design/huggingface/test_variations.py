"""Random models of every family count as the installed transformers builds them, however they are written."""

from __future__ import annotations

import random
from typing import Any

import pytest

from core.cost.count import count
from core.design.huggingface.read import Imported, read
from tests.core.design.huggingface.variations import JSON, KINDS, built, draw, forms


def wrong(model_type: str, seeds: range) -> list[str]:
    """What differs from the class, for each form of each drawn config."""
    found = []
    for seed in seeds:
        config = draw(model_type, random.Random(f"{model_type}{seed}"))
        made = built(config)
        for form, written in forms(config, made).items():
            result = read(written)
            if not isinstance(result, Imported):
                found.append(f"{form} of {seed}: {result}")
                continue
            counts = count(result.design)
            if (counts.total, counts.routed) != (made.total, made.routed):
                found.append(f"{form} of {seed}: {counts.total}, not {made.total}: {written}")
            if result.unknown:
                found.append(f"{form} of {seed}: {result.unknown} are not understood")
    return found


@pytest.mark.parametrize("model_type", KINDS)
def test_a_random_model_counts_as_its_class(model_type: str) -> None:
    assert wrong(model_type, range(1)) == []


@pytest.mark.nightly
@pytest.mark.parametrize("model_type", KINDS)
def test_many_random_models_count_as_their_class(model_type: str) -> None:
    assert wrong(model_type, range(100)) == []


#: Families whose class cannot be built as it defaults: a key it needs has no default.
NO_DEFAULT = {"dbrx", "deepseek_v2", "dots1", "gemma4_text", "hunyuan_v1_moe", "lfm2_moe"}


@pytest.mark.nightly
@pytest.mark.parametrize("model_type", [kind for kind in KINDS if kind not in NO_DEFAULT])
def test_a_type_alone_is_the_class_as_it_defaults(model_type: str) -> None:
    bare: JSON = {"model_type": model_type}
    result = read(bare)
    assert isinstance(result, Imported), str(result)
    assert count(result.design).total == built(bare).total


@pytest.mark.parametrize("model_type", ["deepseek_v2", "deepseek_v3", "glm4_moe_lite"])
def test_a_dropped_null_means_direct_queries(model_type: str) -> None:
    """Tools that leave nulls out write all sizes of latent attention but the missing one."""
    config = {**draw(model_type, random.Random(3)), "q_lora_rank": None}
    sizes: dict[str, Any] = {"kv_lora_rank": 8, "qk_rope_head_dim": 4, "qk_nope_head_dim": 6, "v_head_dim": 8}
    whole = {**config, **sizes}
    result = read({key: value for key, value in whole.items() if value is not None})
    assert isinstance(result, Imported)
    assert count(result.design).total == built(whole).total
    assert any("q_lora_rank" in note for note in result.notes)
