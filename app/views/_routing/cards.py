"""The cards of the Routing page."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import state
from app.routed import Routed
from app.views._routing import expert as one
from app.views._routing.choices import ALL, EXPERT, LAYER
from app.views._routing.panels import goes
from components import page
from components.charts import findings, palette
from components.charts.dots import against_chance, shares
from components.contexts.mount import contexts
from components.heat.grid import grid, rows_of
from components.heat.mount import heat
from core.analysis.specialization import SHUFFLES
from core.cost.format import count, percent


def loads(routed: Routed, domain: str, cell: tuple[int, int], kinds: Mapping[str, Sequence[str]]) -> None:
    """Layers x experts: share of the tokens, of one domain or all, that each expert receives.

    `kinds`: of layers by path, what experts are that are not of the usual kind.
    """
    names = [routed.names[layer["path"]] for layer in routed.layers]
    counts = [_load(layer, routed.trace.domains, domain) for layer in routed.layers]
    of = "" if domain == ALL else domain
    named = {routed.names[path]: kinds_E for path, kinds_E in kinds.items() if path in routed.names}
    finding = findings.loads(list(zip(names, counts, strict=True)), of, named)
    with page.card():
        page.card_head(
            finding,
            f"Share of {of + ' ' if of else ''}picks each expert receives, per layer. Balancing pulls rows "
            "towards even: read rows, not the mean.",
            f"Load by layer{' ' + of if of else ''}",
            lambda: rows_of(names, counts, "layer"),
            "routing.loads",
        )
        data = grid(
            [name.capitalize() for name in names],
            [counts],
            alt=finding,
            numbers=True,
            corner="expert",
            selected=cell,
            kinds=[named.get(name, ()) for name in names],
        )
        heat(data, key="routing.loads", on_pick=_pick(routed))


def _load(layer: dict[str, Any], domains: Sequence[str], domain: str) -> list[int]:
    return layer["load"] if domain == ALL else layer["domain_expert"][list(domains).index(domain)]


def _pick(routed: Routed) -> Any:
    def picked(row: int, column: int) -> None:
        if row < len(routed.layers):
            state.fill(LAYER, routed.layers[row]["path"])
            state.fill(EXPERT, column)

    return picked


def specialization(routed: Routed) -> None:
    """How much knowing the expert tells of the domain, against shuffled domains."""
    rows = [
        (
            routed.names[layer["path"]],
            layer["specialization"],
            layer["specialization_chance_95"],
            layer["specialization_chance"],
        )
        for layer in routed.layers
        if layer["specialization"] is not None and layer["specialization_chance_95"] is not None
    ]
    against = [(name, value, high) for name, value, high, _ in rows]
    finding = findings.specialization(rows)
    with page.card():
        page.card_head(
            finding,
            "Mutual information of domain and expert over the domain's entropy. Chance: the mean of"
            f" {SHUFFLES} shuffles; grey: what 95 % of them stay below.",
            "Specialization",
            lambda: pd.DataFrame(
                rows, columns=["layer", "specialization", "95 % of shuffles below", "by chance"]
            ),
            "routing.special",
        )
        if rows:
            height = min(300, 44 + 30 * len(rows))
            drawing = against_chance(against, palette.current())
            page.chart(drawing, finding, height=height, key="routing.special")


def domains(routed: Routed, cell: tuple[int, int], kinds: Mapping[str, Sequence[str]]) -> None:
    """Domain x expert of the chosen layer."""
    layer = routed.layers[cell[0]]
    names, counts = routed.trace.domains, layer["domain_expert"]
    kinds_E = kinds.get(layer["path"], ())
    finding = findings.domain_experts(names, counts, kinds_E)
    name = routed.names[layer["path"]]
    with page.card():
        page.card_head(
            finding,
            f"{name.capitalize()}: share of each domain's picks, %, of {count(int(np.sum(counts)))}.",
            f"Experts by domain, {name}",
            lambda: rows_of(names, counts, "domain"),
            "routing.domains",
        )
        data = grid(
            names,
            [counts],
            alt=finding,
            numbers=True,
            corner="expert",
            kinds=[kinds_E] * len(names),
        )
        heat(data, key="routing.domains", on_pick=lambda _row, column: state.fill(EXPERT, column))
        page.small(_figures(layer))


def _figures(layer: dict[str, Any]) -> str:
    parts = [
        f"unevenness (CV) {layer['cv']:.2f}",
        f"busiest {1 + layer['max_violation']:.2f} × fair share",
        f"dead {layer['dead']} of {len(layer['load'])}",
        f"dropped {percent(layer['drop_rate'])}",
        f"{layer['per_token']:.2f} experts per token",
    ]
    if layer["entropy"] is not None:
        parts.append(f"router entropy {layer['entropy']:.2f} of 1")
    return " · ".join(parts)


def drill(
    routed: Routed,
    cell: tuple[int, int],
    domain: str,
    words: DeltaGenerator,
    kinds: Mapping[str, Sequence[str]],
) -> None:
    """One expert: whose tokens it takes, which, and in what company. `words` is where its finding goes."""
    layer = routed.trace.layer(routed.layers[cell[0]]["path"])
    found = one.expert(routed.trace, layer, cell[1])
    kind = kinds[layer.path][cell[1]] if layer.path in kinds else ""
    title = f"Expert {cell[1]}{f' ({kind})' if kind else ''} of {routed.names[layer.path]}"
    names = list(routed.trace.domains)
    beyond = goes.of_label(routed, layer.path, "domains")
    notable_N = beyond.notable_GE[:, cell[1]] if beyond is not None else np.zeros(len(names), np.bool_)
    finding = findings.expert(names, found.domains_N, found.expected_N, title, notable_N)
    taken = found.domains_N / max(1, found.domains_N.sum())
    rows = list(zip(names, taken.tolist(), found.expected_N.tolist(), strict=True))
    with words:
        page.head(
            finding,
            "Share of its tokens by domain. Tick: the domain's share of all picks. Preferred is what"
            " shuffles of the examples' domains do not reach.",
        )
    if not len(found.tokens_I):
        return
    left, right = st.columns([1, 1.45], gap="medium")
    with left:
        height = 34 + 26 * len(rows)
        page.chart(shares(rows, palette.current()), finding, height=height, key="routing.expert")
        page.small(_of_expert(found))
        table = pd.DataFrame(rows, columns=["domain", "share of its tokens", "share of all picks"])
        page.table(title, table, "routing.expert")
    with right:
        _tokens(routed, found, domain)


def _of_expert(found: one.Expert) -> str:
    parts = [
        f"{count(len(found.tokens_I))} tokens",
        f"mean weight {found.weight:.2f}",
        f"first choice for {percent(found.first)}",
        f"router entropy {found.entropy:.2f} nats",
        f"margin {found.margin:.3f}",
        f"{count(found.dropped)} dropped",
    ]
    return " · ".join(part for part in parts if "nan" not in part)


def _tokens(routed: Routed, found: one.Expert, domain: str) -> None:
    trace, tokens_I = routed.trace, found.tokens_I
    if domain != ALL:
        tokens_I = tokens_I[trace.tokens.domain[tokens_I] == trace.domains.index(domain)]
    top = one.top_tokens(trace, tokens_I)
    examples = one.contexts(trace, tokens_I)
    if not examples:
        what = f"no {domain} token" if domain != ALL else "no bytes: this data is not text"
        page.small(f"Examples are of text, and this expert has {what}.")
        return
    words = ", ".join(f"“{one.sign(token)}” {100 * share:.0f}" for token, _, share in top[:6])
    page.small(f"Most its own, % of their occurrences: {words}")
    contexts(examples, label="Tokens this expert took, in context", key="routing.contexts")
    rows = [(one.sign(token), times, round(100 * share, 1)) for token, times, share in top]
    page.table(
        "Tokens of the expert",
        pd.DataFrame(rows, columns=["token", "times here", "share of its occurrences, %"]),
        "routing.tokens",
    )
