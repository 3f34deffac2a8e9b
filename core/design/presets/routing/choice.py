"""Tokens choose a fixed number of experts, and a loss keeps the load even."""

from __future__ import annotations

from core.design.presets.pieces import JSON
from core.design.presets.routing.bank import Bank, even, route, top

CAPACITY = {"train": 1.25, "eval": 2.0}


def top_k(bank: Bank) -> JSON:
    """The best k experts, their softmax weights made to sum to one, a load-balance loss."""
    return {"router": route("linear", top(bank.some), "renormalised"), "balance": [even()]}


def noisy_top_k(bank: Bank) -> JSON:
    """Each token learns how much noise its choice needs; importance and load are kept even."""
    balance = [{"kind": "importance_load_cv", "importance": 0.1, "load": 0.1}]
    return {"router": route("noisy_linear", top(bank.some), "renormalised"), "balance": balance}


def gshard(bank: Bank) -> JSON:
    """Two experts, the second taken at random by its weight, at most a fair share of tokens each."""
    capacity = {"train": 1.0, "eval": 1.0}
    select = top(min(2, bank.count), random_second=bank.count > 1)
    return {
        "router": route("linear", select, "renormalised", capacity=capacity),
        "balance": [even(choices="first")],
    }


def switch(bank: Bank) -> JSON:
    """One expert a token, weighed by its raw probability, with a capacity and jittered inputs."""
    jitter = [{"kind": "jitter", "epsilon": 0.01}]
    router = route("linear", top(1), "raw", modifiers=jitter, capacity=CAPACITY)
    return {"router": router, "balance": [even()]}


def st_moe(bank: Bank) -> JSON:
    """Two experts with a capacity; the z-loss keeps router logits small, so training stays stable."""
    balance = [even(), {"kind": "z_loss", "coefficient": 0.001}]
    router = route("linear", top(min(2, bank.count)), "renormalised", capacity=CAPACITY)
    return {"router": router, "balance": balance}


def olmoe(bank: Bank) -> JSON:
    """Raw softmax weights without dropping, load balance and z-loss together."""
    balance = [even(), {"kind": "z_loss", "coefficient": 0.001}]
    return {"router": route("linear", top(bank.k), "raw"), "balance": balance}


def v_moe(bank: Bank) -> JSON:
    """Noise on the logits, raw weights; a full expert keeps its best-scored tokens."""
    noise = [{"kind": "logit_noise", "sigma": 1.0}]
    capacity = {"train": 1.05, "eval": 1.05, "priority": "score"}
    balance = [{"kind": "importance_load_cv", "importance": 0.005, "load": 0.005}]
    router = route("linear", top(bank.k), "raw", modifiers=noise, capacity=capacity)
    return {"router": router, "balance": balance}


def x_moe(bank: Bank) -> JSON:
    """Cosine between a token and an expert embedding in few dimensions, over a learned temperature."""
    learned = {"kind": "temperature", "learnable": True}
    router = route({"kind": "cosine", "dim": 32}, top(bank.k), "raw", modifiers=[learned])
    return {"router": router, "balance": [even()]}


def activation_gate(bank: Bank) -> JSON:
    """A sigmoid on the linear score, which makes scale and temperature identifiable."""
    score = {"kind": "activation_linear", "activation": "sigmoid"}
    return {"router": route(score, top(bank.k), "raw"), "balance": [even()]}


def gw_moe(bank: Bank) -> JSON:
    """Tokens that the router cannot place go to every expert while fine-tuning."""
    router = route("linear", top(bank.some), "renormalised", uncertain={"threshold": 0.85})
    return {"router": router, "balance": [even()]}
