"""SAM, Switch and Mixture (arXiv 2110.07431): one group of experts a token, several experts inside it.

Equation: core/model/routing/select/group_top_k.py, core/model/routing/balance/alignment.py.
Hierarchical variant, recollected with low confidence: core/model/routing/score/hierarchical_linear.py.
Parts of a design: core/design/routing/select/group_top_k.py, core/design/routing/balance/alignment.py,
  core/design/routing/score/hierarchical_linear.py.
Presets `sam`, `sam-hierarchical`: core/design/presets/routing/fine.py.
Tests: tests/core/model/routing/test_selectors.py,
  tests/core/model/routing/test_hierarchical.py,
  tests/core/model/routing/test_balance_more.py,
  tests/core/model/routing/test_invariants_methods.py.
"""

from core.papers.base import Arm, Expect, Experiment, Paper

_BANK = {"/moe/experts": [{"kind": "glu", "hidden": 16, "count": 16}], "/moe/islands": 4}
_EVEN = {"kind": "load_balance", "coefficient": 0.01}

X10 = Experiment(
    id="x10",
    title="Two experts of one device against two experts anywhere",
    base="net",
    data="synth8",
    plan={"steps": 400, "batch": 256},
    arms=(
        Arm(name="sam", title="SAM", method="sam", sets={**_BANK, "/moe/router/select/k": 2}),
        Arm(
            name="unaligned",
            title="SAM without its alignment loss",
            method="sam",
            sets={**_BANK, "/moe/router/select/k": 2, "/moe/balance": [_EVEN]},
        ),
        Arm(
            name="flat",
            title="Top-2 over all experts",
            method="top-k",
            sets={**_BANK, "/moe/router/select/k": 2, "/moe/router/weigh": {"kind": "raw"}},
        ),
    ),
    expects=(
        Expect(
            claim="Each token visits one device",
            measure="islands_per_token",
            left="sam",
            relation="below",
            margin=1.0001,
        ),
        Expect(
            claim="Without groups a token visits more than 1.5 devices",
            measure="islands_per_token",
            left="flat",
            relation="above",
            margin=1.5,
        ),
        Expect(
            claim="The loss stays within 0.03 of a free choice",
            measure="loss",
            left="sam",
            relation="below",
            right="flat",
            margin=0.03,
        ),
        Expect(
            claim="The alignment loss pulls the best experts into the chosen group",
            measure="alignment_violation",
            left="sam",
            relation="below",
            right="unaligned",
        ),
    ),
    minutes=8,
    caveat=(
        "Experts of one width on one machine: devices are counted, not timed. The paper's gain comes from "
        "using more experts at the price of one device, on networks where messages between devices are slow. "
        "The coefficients of its two losses could not be confirmed; those used here are ours."
    ),
)

PAPER = Paper(
    name="sam",
    short="SAM",
    title="Towards More Effective and Economic Sparsely-Activated Model",
    source="arXiv 2110.07431",
    year=2021,
    status="built",
    summary=(
        "More experts a token help, but each expert on another device is a message. SAM puts the experts of "
        "one device into a group. A token first switches to the group with the largest sum of probabilities, "
        "then mixes the best experts inside it, so any number of experts costs one message. An alignment "
        "loss pushes down experts outside the group that score above the chosen ones."
    ),
    formula=(
        r"g^\ast = \arg\max_g \sum_{e \in g} P_e, \qquad "
        r"y = \sum_{e\,\in\,\operatorname{top}k(P \mid g^\ast)} P_e\, f_e(x), \qquad "
        r"\mathcal{L}_{al} = \frac{1}{T}\sum_t \sum_{e \notin g^\ast} \max\!\left(0,\; P_e - P_{(k)}\right)"
    ),
    good_for="Experts spread over devices with slow links, when more than one expert a token is wanted.",
    cost="The FLOPs of top-k with the same k; messages to one device a token instead of up to k.",
    claim="Several experts on one device give the quality of several experts at the messages of one.",
    presets=("sam", "sam-hierarchical"),
    experiments=(X10,),
    note=(
        "The hierarchical preset takes a group's probability from a router of its own and multiplies it by a "
        "softmax over the experts inside. It is written from recollection of the paper, with low confidence, "
        "and the experiment below does not measure it."
    ),
)
