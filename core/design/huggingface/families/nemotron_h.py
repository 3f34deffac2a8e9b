"""Nemotron-H and Nemotron 3 (arXiv 2504.03624): Mamba-2, attention, MLP or experts, one part a layer."""

from __future__ import annotations

from core.design.huggingface import words as w
from core.design.huggingface.config import Config
from core.design.huggingface.family import JSON, Family
from core.design.huggingface.repeats import repeats
from core.design.presets.pieces import dense

_LETTERS = {"M": "linear", "E": "moe", "*": "full", "-": "dense"}

#: Nemotron-3-Nano-30B-A3B as released; some tools write its config without the pattern.
_NANO = "MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME"
_CLASS = "ME*-"


def write(c: Config) -> JSON:
    """The pattern of layers comes as a list of kinds, or as letters M, E, * and -."""
    kinds = _kinds(c)
    c.ignore("num_hidden_layers")
    f = w.frame(
        c,
        vocabulary=131072,
        width=4096,
        depth=len(kinds),
        context=4096,
        epsilon=1e-5,
        activation="relu2",
        tied=None,
    )
    c.ignore(
        "attention_bias", "hybrid_override_pattern", "mtp_hybrid_override_pattern", "mtp_layers_block_type"
    )
    parts = {
        "linear": _mamba(c, f),
        "full": w.attention(c, f, heads=32, kv=8, head=128, rope=None),
        "dense": dense(
            _mlp(f, c.integer("intermediate_size", default=21504), c.flag("mlp_bias", default=False))
        ),
    }
    if "moe" in kinds:
        parts["moe"] = _bank(c, f)
    else:
        c.ignore(*w.EXPERTS, *w.PER_TOKEN, *w.EXPERT_WIDTH, *w.SHARED, "routed_scaling_factor", "n_group")
        c.ignore("moe_shared_expert_intermediate_size", "topk_group", *w.NORMALISED, "moe_latent_size")
    return f.design(repeats([w.layer(parts[kind]) for kind in kinds]))


def _kinds(c: Config) -> tuple[str, ...]:
    listed = c.words("layers_block_type", "layer_types", known=w.LAYER_KINDS)
    pattern = c.text("hybrid_override_pattern")
    if listed is not None:
        if not listed or set(listed) - set(_LETTERS.values()):
            raise c.wrong(
                "layers_block_type", "has kinds this family has not", "use mamba, attention, mlp, moe"
            )
        return listed
    if pattern is None:
        nano = (c.integer(*w.WIDTH, default=4096), c.integer(*w.EXPERTS, default=8)) == (2688, 128)
        pattern = _NANO if nano else _CLASS
        whose = "the released Nemotron-3-Nano-30B-A3B" if nano else "the class, of four layers,"
        c.note(f"The config names no pattern of layers; that of {whose} is used.")
    if not pattern or set(pattern) - set(_LETTERS):
        raise c.wrong("hybrid_override_pattern", "may hold only M, E, * and -", "mend the pattern")
    return tuple(_LETTERS[letter] for letter in pattern)


def _mlp(f: w.Frame, hidden: int, bias: bool, count: int = 1) -> JSON:
    shift = {"bias": True} if bias else {}
    return {"kind": "mlp", "hidden": hidden, "count": count, "activation": f.activation, **shift}


def _bank(c: Config, f: w.Frame) -> JSON:
    route = w.routing(c, k=2, function="sigmoid", normalised=c.flag(*w.NORMALISED, default=True))
    islands = w.grouped(c, route, groups=1, top=1, score="top2_sum")
    bias = c.flag("mlp_bias", default=False)
    narrow = c.maybe("moe_latent_size", default=None)
    shared = c.maybe(*w.SHARED, default=1, low=0) or 0
    width = c.integer("moe_shared_expert_intermediate_size", default=7688)
    group = _mlp(f, c.integer(*w.EXPERT_WIDTH, default=7688), False, c.integer(*w.EXPERTS, default=8))
    latent = {"latent": narrow, **({"latent_bias": True} if bias else {})} if narrow else {}
    return {
        "kind": "moe",
        "experts": [group],
        "shared": [_mlp(f, width, bias)] if shared else [],
        "router": route,
        "balance": w.biased(c),
        **latent,
        **islands,
    }


def _mamba(c: Config, f: w.Frame) -> JSON:
    return {
        "kind": "mamba2",
        "heads": c.integer("mamba_num_heads", default=128),
        "head_width": c.integer("mamba_head_dim", default=64),
        "state": c.integer("ssm_state_size", default=128),
        "groups": c.integer("n_groups", "mamba_n_groups", default=8),
        "conv": c.integer("conv_kernel", "mamba_d_conv", default=4),
        "conv_bias": c.flag("use_conv_bias", "mamba_conv_bias", default=True),
        "bias": c.flag("use_bias", default=False),
    }


#: Keys of its own, or of other models that its tools write, that change nothing here.
_BESIDE = """
    expand mamba_expand chunk_size mamba_chunk_size mamba_hidden_act mamba_proj_bias
    mamba_ssm_cache_dtype time_step_min time_step_max time_step_limit time_step_floor time_step_rank
    mamba_dt_min mamba_dt_max mamba_dt_limit mamba_dt_init_floor moe_shared_expert_overlap
    sliding_window partial_rotary_factor rope_theta rope_scaling rope_parameters layer_norm_epsilon
    norm_eps
"""

FAMILY = Family(
    "Nemotron-H",
    ("nemotron_h",),
    ("NemotronHForCausalLM",),
    write,
    signs=("mamba_num_heads", "ssm_state_size"),
    ignores=frozenset(_BESIDE.split()),
)
