"""Starters: small designs that train in about a minute on two cores, each with the plan that suits it."""

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

WIDTH = 64
CONTEXT = 64


def _text(name: str, *bodies: JSON, layers: int = 3) -> JSON:
    return {
        "name": name,
        "width": WIDTH,
        "task": language(CONTEXT),
        "embedding": {"tied": True},
        "stacks": decoder(*(repeat(layers, layer(attention(4), body)) for body in bodies)),
    }


def starter() -> JSON:
    """Mixed-domain byte language model: 8 experts, top-2."""
    balance = [{"kind": "load_balance", "coefficient": 0.01}]
    return _text("Starter", moe([glu(128, 8)], router(2), balance=balance))


def fine_grained() -> JSON:
    """The starter's experts cut in four, one of the active ones shared (arXiv 2401.06066)."""
    balance = [{"kind": "load_balance", "coefficient": 0.01}]
    return _text("Fine-grained + shared", moe([glu(32, 31)], router(7), shared=[glu(32)], balance=balance))


def dense_twin() -> JSON:
    """No router: one FFN with the starter's active width."""
    return _text("Dense twin", dense(glu(256)))


def blank() -> JSON:
    """No layers yet: what a design built by hand starts from."""
    return {"name": "Blank canvas", "width": 256, "task": language(128), "stacks": decoder()}


def vision() -> JSON:
    """A patch vision transformer for digits with three answers."""
    balance = [{"kind": "load_balance", "coefficient": 0.01}]
    heads = [
        {"name": "digit", "kind": "classes", "size": 10},
        {"name": "parity", "kind": "binary"},
        {"name": "ge5", "kind": "binary"},
    ]
    return {
        "name": "Digits ViT",
        "width": 64,
        "task": {
            "kind": "image_classifier",
            "height": 8,
            "width": 8,
            "channels": 1,
            "patch": 2,
            "heads": heads,
        },
        "norm": {"kind": "layer", "epsilon": 1e-5, "bias": True},
        "stacks": [
            {
                "name": "encoder",
                "causal": False,
                "layers": [
                    repeat(1, layer(attention(4, rope=None), dense(mlp(128)))),
                    repeat(2, layer(attention(4, rope=None), moe([mlp(96, 8)], router(2), balance=balance))),
                ],
            }
        ],
    }


def tabular() -> JSON:
    """An MLP whose two hidden layers are MoE layers; one token a row."""
    balance = [{"kind": "load_balance", "coefficient": 0.01}]
    return {
        "name": "Tabular MoE",
        "width": 32,
        "task": {
            "kind": "table",
            "features": 13,
            "heads": [{"name": "grower", "kind": "classes", "size": 3}],
        },
        "norm": {"kind": "layer", "epsilon": 1e-5, "bias": True},
        "stacks": [
            {
                "name": "encoder",
                "causal": False,
                "layers": [repeat(2, layer(moe([mlp(48, 6)], router(2), balance=balance)))],
            }
        ],
    }
