"""HMoE (arXiv 2408.10681): experts of unequal widths, and a price on width.

Equation: core/model/routing/balance/param_penalty.py, core/model/routing/balance/entropy.py.
Parts of a design: core/design/routing/balance/param_penalty.py, core/design/routing/balance/entropy.py.
Widths by rule: core/design/strategies.py. Preset `hmoe`: core/design/presets/routing/fine.py.
Tests: tests/core/model/routing/test_balance_more.py,
  tests/core/model/routing/test_invariants_others.py, tests/core/design/test_edits.py.
"""

from core.papers.base import Arm, Expect, Experiment, Paper

_TOP_2 = {"/moe/router/select": {"kind": "top_k", "k": 2}, "/moe/router/weigh": {"kind": "renormalised"}}
_EVEN = [{"kind": "load_balance", "coefficient": 0.01}]

X8 = Experiment(
    id="x8",
    title="A price on width moves tokens to narrow experts",
    base="net",
    data="easy-hard",
    plan={"steps": 400, "batch": 256},
    arms=(
        Arm(
            name="penalty",
            title="Unequal experts, price on width, top-2",
            method="hmoe",
            sets={**_TOP_2, "/moe/balance": [{"kind": "param_penalty", "coefficient": 0.1}]},
        ),
        Arm(
            name="even",
            title="Unequal experts, even load, top-2",
            method="hmoe",
            sets={**_TOP_2, "/moe/balance": _EVEN},
        ),
        Arm(name="dynamic", title="Unequal experts, price on width, top-p", method="hmoe"),
        Arm(
            name="equal",
            title="Equal experts, even load, top-p",
            method="top-p",
            sets={"/moe/router/select/p": 0.6, "/moe/balance": _EVEN},
        ),
    ),
    expects=(
        Expect(
            claim="With the price, use falls with width far more than with even load",
            measure="size_use_correlation",
            left="penalty",
            relation="below",
            right="even",
            margin=-0.5,
        ),
        Expect(
            claim="A token meets at least 5 % fewer hidden units",
            measure="active_width",
            left="penalty",
            relation="below",
            right="even",
            factor=0.95,
        ),
        Expect(
            claim="The loss stays within 0.02",
            measure="loss",
            left="penalty",
            relation="below",
            right="even",
            margin=0.02,
        ),
        Expect(
            claim="With top-p, unequal experts need fewer hidden units than equal ones",
            measure="active_width",
            left="dynamic",
            relation="below",
            right="equal",
            firm=False,
        ),
        Expect(
            claim="With top-p, unequal experts are no worse than equal ones",
            measure="loss",
            left="dynamic",
            relation="below",
            right="equal",
            margin=0.02,
            firm=False,
        ),
    ),
    minutes=10,
    caveat=(
        "At this size wide experts do not win tokens by themselves, which is what the paper's price is "
        "against, and hard tokens choose wide experts only weakly. The paper itself finds that the gain "
        "needs scale."
    ),
)

PAPER = Paper(
    name="hmoe",
    short="HMoE",
    title="HMoE: Heterogeneous Mixture of Experts for Language Modeling",
    source="arXiv 2408.10681",
    year=2024,
    status="built",
    summary=(
        "Tokens differ in difficulty, so experts may differ in width. Left alone, a router would send most "
        "tokens to the wide ones. HMoE replaces the usual balance loss by one that multiplies each expert's "
        "load by its width, so that narrow experts are used whenever they are good enough. Together with "
        "top-p selection, a small entropy loss keeps the number of experts a token from growing."
    ),
    formula=(
        r"\mathcal{L}_{pp} = E \sum_{e=1}^{E} \frac{h_e}{\bar h}\; m_e\, \bar P_e, \qquad "
        r"m_e = \frac{1}{T}\sum_{t=1}^{T} M_{te}, \qquad "
        r"\mathcal{L}_{ent} = -\frac{1}{T}\sum_{t,e} P_{te} \log P_{te}"
    ),
    good_for="Spending less on easy tokens at the same total size, with top-k or with top-p selection.",
    cost=(
        "Counted with the true widths: what a token costs depends on the experts it meets. Kernels that pad "
        "all experts to the widest waste the ratio of widest to mean width."
    ),
    claim="Unequal experts with a price on width do better than equal ones at fewer active parameters.",
    presets=("hmoe",),
    experiments=(X8,),
    note=(
        "The paper prints the widths without a norm and the entropy with the sign that would raise it. Here "
        "widths are divided by their mean, so the coefficient keeps its meaning, and entropy is lowered, as "
        "the paper's text says."
    ),
)
