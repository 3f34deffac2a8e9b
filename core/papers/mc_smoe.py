"""MC-SMoE (arXiv 2310.01334): experts merged by what the router does with them, then compressed."""

from core.papers.base import Paper

PAPER = Paper(
    name="mc_smoe",
    short="MC-SMoE",
    title="Merge, Then Compress: Demystify Efficient SMoE with Hints from Its Routing Policy",
    source="arXiv 2310.01334",
    year=2023,
    status="planned",
    summary=(
        "Routers show which experts are alike: their scores rise and fall together. Such experts are put "
        "into groups around the most used ones, their hidden neurons are permuted until they match, and "
        "their weights are averaged by use. The merged experts turn out to be of low rank, so each is then "
        "stored as a product of two thin matrices and a sparse rest."
    ),
    formula=(
        r"\bar W_g = \frac{\sum_{e \in g} f_e\, \Pi_e W_e}{\sum_{e \in g} f_e}, \qquad \bar W_g \approx U "
        r"V + S"
    ),
    good_for="Making a trained model with little used experts fit a smaller memory.",
    cost=(
        "A calibration set and a short distillation; memory falls with the number of groups, FLOPs only by "
        "compression."
    ),
    claim="Up to 80 % less memory and 20 % fewer FLOPs with nearly no loss of quality.",
)
