"""Google's Switch Transformers: T5 with a sparse FFN in every second layer."""

from __future__ import annotations

from core.design.presets.pieces import JSON, attention, dense, language, layer, mlp, moe, repeat, router


def switch_base_8() -> JSON:
    """Switch-base with 8 experts (arXiv 2101.03961): T5 with a sparse FFN in every second layer."""
    return _switch_base(8)


def switch_base_16() -> JSON:
    """Switch-base with 16 experts (arXiv 2101.03961): one expert a token."""
    return _switch_base(16)


def switch_base_32() -> JSON:
    """Switch-base with 32 experts (arXiv 2101.03961): one expert a token."""
    return _switch_base(32)


def switch_base_128() -> JSON:
    """Switch-base with 128 experts (arXiv 2101.03961): one expert a token."""
    return _switch_base(128)


def switch_base_256() -> JSON:
    """Switch-base with 256 experts (arXiv 2101.03961): one expert a token."""
    return _switch_base(256)


def _switch_base(experts: int) -> JSON:
    itself = attention(12, head_width=64, rope=None)
    across = {**itself, "cross": True}
    route = router(1, weigh="raw", capacity={"train": 1.25, "eval": 2.0})
    route["modifiers"] = [{"kind": "jitter", "epsilon": 0.01}]
    balance = [{"kind": "load_balance", "coefficient": 0.001}, {"kind": "z_loss", "coefficient": 0.001}]
    bank = moe([mlp(3072, experts, activation="relu")], route, balance=balance)
    plain = dense(mlp(3072, activation="relu"))
    bias = {"heads": 12, "buckets": 32, "max_distance": 128}
    encoder = {
        "name": "encoder",
        "causal": False,
        "position_bias": bias,
        "layers": [repeat(6, layer(itself, plain), layer(itself, bank))],
    }
    decode = {
        "name": "decoder",
        "reads": "encoder",
        "position_bias": bias,
        "layers": [repeat(6, layer(itself, across, plain), layer(itself, across, bank))],
    }
    return {
        "name": f"Switch-base {experts}",
        "width": 768,
        "task": language(512, 32128),
        "embedding": {"tied": True},
        "stacks": [encoder, decode],
    }
