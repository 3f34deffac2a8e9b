"""TAME (arXiv 2210.03869): a new expert whenever the stream changes, noticed by the loss."""

from core.papers.base import Paper

PAPER = Paper(
    name="tame",
    short="TAME",
    title="TAME: Task Agnostic Continual Learning using Multiple Experts",
    source="arXiv 2210.03869",
    year=2022,
    status="planned",
    summary=(
        "Data arrive as a stream whose tasks change without notice. The active expert's smoothed loss is "
        "watched; when it jumps above its usual range, the other experts are tried on the new data, and "
        "either one of them takes over or a new one is made. A selector learns from a small sample which "
        "expert belongs to an input."
    ),
    formula=r"m_t = (1 - g)\, m_{t-1} + g\, \mathcal{L}_t, \qquad \text{change if } m_t > \mu + c\,\sigma",
    good_for="Streams with abrupt changes. Slow drift does not jump and is missed.",
    cost="One expert a phase and a small selector; pruning keeps the sum near one network.",
    claim="Without being told tasks it forgets less than methods that are.",
)
