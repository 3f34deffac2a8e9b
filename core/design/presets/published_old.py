"""Published architectures. Totals are tested to the unit against counts of the released models."""

from __future__ import annotations

from core.design.presets.pieces import (
    JSON,
    attention,
    decoder,
    dense,
    glu,
    language,
    layer,
    mlp,
    moe,
    repeat,
    router,
)


def mixtral_8x7b() -> JSON:
    """Mixtral 8x7B (arXiv 2401.04088)."""
    bank = moe([glu(14336, 8)], router(2), balance=[{"kind": "load_balance", "coefficient": 0.02}])
    return {
        "name": "Mixtral 8x7B",
        "width": 4096,
        "task": language(32768, 32000),
        "norm": {"kind": "rms", "epsilon": 1e-5},
        "stacks": decoder(repeat(32, layer(attention(32, 8, head_width=128, rope={"theta": 1e6}), bank))),
    }


def deepseek_v3() -> JSON:
    """DeepSeek-V3 (arXiv 2412.19437); the multi-token head is counted apart."""
    latent = {
        "kind": "mla",
        "heads": 128,
        "q_rank": 1536,
        "kv_rank": 512,
        "nope": 128,
        "rope": 64,
        "value": 128,
    }
    route = router(8, function="sigmoid", scale=2.5)
    route["select"] = {"kind": "group_top_k", "k": 8, "top_islands": 4, "island_score": "top2_sum"}
    balance = [
        {"kind": "bias_update", "step": 0.001},
    ]
    bank = moe([glu(2048, 256)], route, shared=[glu(2048)], islands=8, balance=balance)
    return {
        "name": "DeepSeek-V3",
        "width": 7168,
        "task": language(163840, 129280, extra_heads=1),
        "stacks": decoder(repeat(3, layer(latent, dense(glu(18432)))), repeat(58, layer(latent, bank))),
    }


def qwen3_next_80b_a3b() -> JSON:
    """Qwen3-Next 80B-A3B: three gated delta layers for each gated attention layer."""
    linear = {"kind": "gated_delta", "key_heads": 16, "value_heads": 32, "key_width": 128, "value_width": 128}
    full = attention(16, 2, head_width=256, gate=True, qk_norm="head", rope={"theta": 1e7, "fraction": 0.25})
    bank = moe(
        [glu(512, 512)],
        router(10),
        shared=[glu(512)],
        shared_gate=True,
        balance=[{"kind": "load_balance", "coefficient": 0.001}],
    )
    pattern = [layer(mixer, bank) for mixer in (linear, linear, linear, full)]
    return {
        "name": "Qwen3-Next 80B-A3B",
        "width": 2048,
        "task": language(262144, 151936),
        "stacks": decoder(repeat(12, *pattern)),
    }


def gpt_oss_120b() -> JSON:
    """gpt-oss-120b: sinks, biases everywhere, clamped gates, windows on every second layer."""
    biases = {"query_bias": True, "key_bias": True, "value_bias": True, "output_bias": True}
    mixer = attention(64, 8, head_width=64, sinks=True, rope={"theta": 150000.0}, **biases)
    route = router(4)
    route["score"] = {"kind": "linear", "bias": True}
    bank = moe([glu(2880, 128, bias=True, clamp=7.0)], route, balance=[{"kind": "load_balance"}])
    return {
        "name": "gpt-oss 120B",
        "width": 2880,
        "task": language(131072, 201088),
        "norm": {"kind": "rms", "epsilon": 1e-5},
        "stacks": decoder(repeat(18, layer({**mixer, "window": 128}, bank), layer(mixer, bank))),
    }


def llama_4_scout() -> JSON:
    """Llama 4 Scout 17B-16E: one expert weighed at its input, one shared, chunked and NoPE layers."""
    chunked = attention(40, 8, head_width=128, qk_norm="unit", chunk=8192, rope={"theta": 500000.0})
    full = attention(40, 8, head_width=128, rope=None)
    route = router(1, function="sigmoid", weigh="raw")
    route["combine"] = {"kind": "output_mix", "weigh_on": "input"}
    bank = moe([glu(8192, 16)], route, shared=[glu(8192)])
    pattern = [layer(mixer, bank) for mixer in (chunked, chunked, chunked, full)]
    return {
        "name": "Llama 4 Scout",
        "width": 5120,
        "task": language(10485760, 202048),
        "norm": {"kind": "rms", "epsilon": 1e-5},
        "stacks": decoder(repeat(12, *pattern)),
    }


def jamba_v0_1() -> JSON:
    """Jamba v0.1 (arXiv 2403.19887): one attention layer in eight, experts in every second layer."""
    state = {"kind": "mamba", "state": 16, "conv": 4, "expand": 2, "dt_rank": 256, "inner_norms": True}
    mixers = [attention(32, 8, head_width=128, rope=None) if i == 4 else state for i in range(8)]
    bank = moe(
        [glu(14336, 16)], router(2, weigh="raw"), balance=[{"kind": "load_balance", "coefficient": 0.001}]
    )
    pattern = [layer(mixer, bank if i % 2 else dense(glu(14336))) for i, mixer in enumerate(mixers)]
    return {
        "name": "Jamba v0.1",
        "width": 4096,
        "task": language(262144, 65536),
        "stacks": decoder(repeat(4, *pattern)),
    }


def longcat_flash() -> JSON:
    """LongCat-Flash (arXiv 2509.01322): two blocks a layer, experts on a shortcut, a third of them empty."""
    latent = {
        "kind": "mla",
        "heads": 64,
        "q_rank": 1536,
        "kv_rank": 512,
        "nope": 128,
        "rope": 64,
        "value": 128,
    }
    route = router(12, weigh="raw", scale=6.0)
    bank = moe([glu(2048, 512), {"kind": "identity", "count": 256}], route, balance=[{"kind": "bias_update"}])
    parts = [
        {"body": latent},
        {"body": dense(glu(12288))},
        {"body": bank, "reads": 1, "joins": "layer_end", "norm": {"pre": False}},
        {"body": latent},
        {"body": dense(glu(12288))},
    ]
    return {
        "name": "LongCat-Flash",
        "width": 6144,
        "task": language(131072, 131072),
        "norm": {"kind": "rms", "epsilon": 1e-5},
        "stacks": decoder(repeat(28, {"parts": parts})),
    }


def switch_base_8() -> JSON:
    """Switch-base with 8 experts (arXiv 2101.03961): T5 with a sparse FFN in every second layer."""
    itself = attention(12, head_width=64, rope=None)
    across = {**itself, "cross": True}
    route = router(1, weigh="raw", capacity={"train": 1.25, "eval": 2.0})
    route["modifiers"] = [{"kind": "jitter", "epsilon": 0.01}]
    balance = [{"kind": "load_balance", "coefficient": 0.001}, {"kind": "z_loss", "coefficient": 0.001}]
    bank = moe([mlp(3072, 8, activation="relu")], route, balance=balance)
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
        "name": "Switch-base 8",
        "width": 768,
        "task": language(512, 32128),
        "embedding": {"tied": True},
        "stacks": [encoder, decode],
    }
