"""Links that carry a whole design: what the Share menu and `python -m app share` give away."""

from urllib.parse import parse_qs

from core.design.link import encode
from core.design.spec import Design

#: Longer ones are cut by chats and mail; what a link may have to be read is `core.design.link.MOST_TEXT`.
MOST_CHARACTERS = 4_000
#: Query parameters of the Design page: the id of a draft of this studio, and a whole design.
DRAFT, PARAMETER = "design", "d"
_PAGE = "/design"


def address(design: Design) -> str:
    """Path and query that open a copy of `design` in any studio."""
    return f"{_PAGE}?{PARAMETER}={encode(design)}"


def own_address(draft_id: str) -> str:
    """Path and query that open a draft of this studio."""
    return f"{_PAGE}?{DRAFT}={draft_id}"


def absolute(path: str, page: str | None) -> str:
    """`path` on the host that serves `page`, the address of the Design page; itself where that is unknown."""
    return f"{page.rstrip('/').removesuffix(_PAGE)}{path}" if page else path


def packed(link: str) -> str | None:
    """The design inside a link as text, or None for what is no such link."""
    if f"?{PARAMETER}=" not in link and f"&{PARAMETER}=" not in link:
        return None
    # The query alone: an address as a whole may be malformed in ways that are no concern here.
    return parse_qs(link.partition("?")[2].partition("#")[0]).get(PARAMETER, [""])[0]
