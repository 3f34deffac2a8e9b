"""SCMoE (arXiv 2405.14507): the usual choice contrasted with a poor one, at decoding."""

from core.papers.base import Paper

PAPER = Paper(
    name="scmoe",
    short="SCMoE",
    title="Unchosen Experts Can Contribute Too: Unleashing MoE Models' Power by Self-Contrast",
    source="arXiv 2405.14507",
    year=2024,
    status="planned",
    summary=(
        "The same model is run twice on each prefix: with its usual experts, and with experts that it ranks "
        "lower. Tokens whose score falls when the choice gets worse are those the good choice is "
        "responsible for, so the second scores are subtracted from the first before the next token is "
        "taken, among tokens that are plausible at all."
    ),
    formula=(
        r"\tilde z_v = (1 + \beta)\, s_v - \beta\, w_v \quad \text{for } v \in \{\, v : s_v \ge \max_u s_u "
        r"+ \ln \alpha \,\}"
    ),
    good_for=(
        "Reasoning tasks with a trained model, when a second pass is affordable. Judged by answers, not by "
        "loss."
    ),
    cost="A second forward pass with its own cache; about 1.3 times the latency in the paper.",
    claim="Contrasting strong and weak routing lifts reasoning accuracy without training.",
)
