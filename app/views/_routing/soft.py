"""The cards of layers that merge experts or mix tokens: shares of experts, where others have a load."""

from typing import Any

import streamlit as st

from app.routed import Routed
from app.views._routing.choices import ALL
from components import page
from components.charts import findings
from components.heat.grid import grid, shares_of
from components.heat.mount import heat

LAYER = "routing.soft_layer"


def shares(routed: Routed, domain: str) -> None:
    """Layers x experts: the mean share of each expert in a token's output."""
    names = [routed.names[layer["path"]] for layer in routed.soft]
    found = [_share(routed, layer, domain) for layer in routed.soft]
    finding = findings.shares(list(zip(names, found, strict=True)), "" if domain == ALL else domain)
    with page.card():
        page.card_head(
            finding,
            "Mean share of each expert in the output of a token, %. Every expert works for every token here:"
            " nothing is selected or dropped, so there is no load.",
            "Shares by layer",
            lambda: shares_of(names, found, "layer"),
            "routing.shares",
        )
        data = grid(
            [name.capitalize() for name in names], [found], alt=finding, numbers=True, corner="expert"
        )
        heat(data, key="routing.shares")


def domains(routed: Routed) -> None:
    """Domain x expert of one soft layer."""
    by_path = {layer["path"]: layer for layer in routed.soft}
    with page.card():
        words = st.container()
        path = st.selectbox(
            "Layer",
            list(by_path),
            format_func=lambda path: str(routed.names.get(path, path)).capitalize(),
            label_visibility="collapsed",
            width=112,
            key=LAYER,
        )
        layer, names = by_path[path], list(routed.trace.domains)
        finding = findings.shares(list(zip(names, layer["domain_share"], strict=True)))
        title = f"Shares by domain, {routed.names[path]}"
        with words:
            page.card_head(
                finding,
                f"{routed.names[path].capitalize()}: mean share of each expert in a domain's outputs, %.",
                title,
                lambda: shares_of(names, layer["domain_share"], "domain"),
                "routing.domain_shares",
            )
        data = grid(names, [layer["domain_share"]], alt=finding, numbers=True, corner="expert")
        heat(data, key="routing.domain_shares")
        if layer["entropy"] is not None:
            page.small(f"Entropy of the shares {layer['entropy']:.2f} of 1")


def _share(routed: Routed, layer: dict[str, Any], domain: str) -> list[float]:
    if domain == ALL:
        return list(layer["share"])
    return list(layer["domain_share"][routed.trace.domains.index(domain)])
