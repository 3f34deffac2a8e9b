"""Debate (arXiv 2402.06782): two experts argue, a weaker judge decides."""

from core.papers.base import Paper

PAPER = Paper(
    name="debate",
    short="Debate",
    title="Debating with More Persuasive LLMs Leads to More Truthful Answers",
    source="arXiv 2402.06782",
    year=2024,
    status="planned",
    summary=(
        "A judge who cannot check the facts hears two experts argue for different answers, each free to "
        "quote evidence that is verified. It is easier to defend the truth than an error, so the judge does "
        "better than alone, and better still when the debaters become more persuasive; with a single "
        "adviser the opposite happens."
    ),
    formula=(
        r"\hat y = \arg\max_{y \in \{a, b\}} P_{judge}\big(y \mid r_{1:R}\big), \qquad r_i = (\text{quotes "
        r"of both sides})"
    ),
    good_for="Supervising models by weaker ones, where answers can be argued about.",
    cost="Several turns of two models and one judge a question.",
    claim="Debate brings weak judges from 48 to 76 % right, and persuasive debaters help.",
)
