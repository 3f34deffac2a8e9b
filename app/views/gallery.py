"""Gallery: every published architecture and every routing method, drawn to scale, one click from a design."""

from app import text
from app.composer import opening, shelf
from app.paths import data_root
from components import page
from components.gallery.mount import gallery
from storage import database


def main() -> None:
    """The page: title, all cards in one part, the commands that do the same."""
    with page.title_row():
        page.title("Gallery", text.FINGERPRINTS)
    chosen = gallery(shelf.everything(), key="gallery", tools=True)
    page.command("python -m app presets --methods", "python -m app presets mixtral-8x7b --shrink --out FILE")
    if chosen:
        opening.open_card(database.open(data_root()), chosen)


main()
