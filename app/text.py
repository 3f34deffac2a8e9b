"""What the pages say, in one place, so that wording is reviewed together."""

START_TITLE = (
    "Draw a Mixture-of-Experts model, see what it costs, train it here, and watch where every token goes."
)
DESIGN_EMPTY = "No design is open. Its layers, its experts to scale and its cost will be drawn here."
COST_EMPTY = "No design is open. What it costs on a device will be shown here."
CHOOSE = "Choose a design"
OPEN_STARTER = "Open the starter"
TRAIN_ONE = "Train a design"
NO_DESIGNS = "Your designs will be listed here. Open the starter to have one in a second."
LOST = (
    "Another tab saved this design first, so your last change is not stored. Nothing is lost yet: "
    "load the other version, or keep yours as a design of its own."
)
FINGERPRINTS = (
    "One line per layer, one segment per expert, to scale. Solid: an example token’s experts. Violet: shared."
)
PUBLISHED = "{} architectures with exact parameter counts, or a small faithful copy to train."
FAMILIES = "Reads {} model families, old and new key names."
OWN = (
    "A design saved from here or a Hugging Face config.json, as a file or as text."
    " What does not fit is "
    "named, nothing is changed."
)
