"""Names in the vocabulary as a reader would say them."""

import re

# What the words of the schema are called on the page, where taking the underscores away is not enough.
LABELS = {
    "alpha": "Expert's share",
    "attention": "Attention",
    "batch": "Batch",
    "dense": "Dense FFN",
    "dim": "Inner width",
    "eval": "In evaluation",
    "first_k": "First layers",
    "gated_delta": "Gated DeltaNet",
    "glu": "Gated (GLU)",
    "glu_lowrank": "Gated, low rank",
    "gelu": "GELU",
    "gelu_tanh": "GELU (tanh)",
    "image_classifier": "Image classifier",
    "importance_load_cv": "Importance and load CV",
    "k": "Experts per token",
    "kda": "Kimi delta attention",
    "kv_heads": "KV heads",
    "kv_rank": "KV rank",
    "language_model": "Language model",
    "max_k": "Most experts",
    "min_k": "Fewest experts",
    "mla": "Latent attention (MLA)",
    "mlp": "Two matrices (MLP)",
    "moe": "MoE layer",
    "param_merge": "Parameter merging",
    "qk_norm": "Query and key norm",
    "relu": "ReLU",
    "relu2": "ReLU squared",
    "rms": "RMS norm",
    "layer": "Layer norm",
    "rope": "Rotary positions",
    "silu": "SiLU",
    "softcap": "Soft cap",
    "theta": "Least score",
    "times": "Repeats",
    "top2_sum": "Sum of the top two",
    "top_k": "Top-k",
    "top_p": "Top-p",
    "train": "In training",
    "z_loss": "Z-loss",
}


def humanise(name: str) -> str:
    """`kv_heads` -> KV heads, `LinearScore` -> Linear score, `score_function` -> Score function."""
    if name in LABELS:
        return LABELS[name]
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ").replace("-", " ").strip()
    return spaced[:1].upper() + spaced[1:].lower() if spaced else name


def plural(count: int, noun: str, many: str = "") -> str:
    """`1 layer`, `3 layers`."""
    return f"{count} {noun if count == 1 else many or noun + 's'}"
