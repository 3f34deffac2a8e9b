"""UOE / SEUF (arXiv 2411.18797): forgetting by training the one expert that knows."""

from core.papers.base import Paper

PAPER = Paper(
    name="uoe",
    short="UOE / SEUF",
    title="UOE: Unlearning One Expert Is Enough For Mixture-of-experts LLMS",
    source="arXiv 2411.18797",
    year=2024,
    status="planned",
    summary=(
        "Unlearning methods made for dense models break MoE models: while they train, the router sends the "
        "text that is to be forgotten to other experts, and the damage spreads. UOE finds the expert with "
        "the highest mean probability on that text, trains only it and its router, and anchors the router "
        "so that the text keeps coming to it."
    ),
    formula=(
        r"\mathcal{L} = \mathcal{L}_{forget} + \lambda\, \mathcal{L}_{retain} + a\, \frac{1}{T} \sum_t "
        r"\big\lVert g_t - \mathbf{1}_{e^\ast} \big\rVert_2^2"
    ),
    good_for="Removing a topic while the rest stays, if the topic has experts of its own.",
    cost="Training of about 0.06 % of the parameters.",
    claim="Unlearning one anchored expert forgets as well and harms far less than unlearning all weights.",
)
