"""A design from text that somebody pasted or dropped: capped, and refused in words."""

import json
from dataclasses import dataclass

from components.canvas import svg
from components.canvas.ops import MOST_TEXT
from core.design.edits import parse
from core.design.huggingface import read as huggingface
from core.design.problems import Problem
from core.design.spec import Design


@dataclass(frozen=True)
class Pasted:
    """A design from text, and what to know about how it was read."""

    design: Design
    notes: tuple[str, ...] = ()


def pasted(text: str) -> Pasted | str:
    """A design from JSON text, ours or a Hugging Face config.json, or what is wrong with the text."""
    if len(text) > MOST_TEXT:
        return f"More than {MOST_TEXT // 1_000_000} million characters are no design. Nothing was changed."
    try:
        content = svg.design_of(text) if svg.is_svg(text) else json.loads(text)
        # Half a character can neither be stored nor sent to a page that repeats it.
        json.dumps(content, ensure_ascii=False).encode()
    except svg.NoDesignError as error:
        return f"{error} Nothing was changed."
    except json.JSONDecodeError as error:
        reason = f"{error.msg[0].lower()}{error.msg[1:]}"
        return f"This is not a design: line {error.lineno}, {reason}. Nothing was changed."
    except RecursionError:
        return "This is not a design: it is nested too deeply. Nothing was changed."
    except UnicodeEncodeError:
        return "This is not a design: one of its words holds half a character. Nothing was changed."
    except ValueError:
        return "This is not a design: one of its numbers has thousands of digits. Nothing was changed."
    if huggingface.looks_like(content):
        imported = huggingface.read(content)
        if isinstance(imported, Problem):
            return str(imported)
        return Pasted(imported.design, imported.told)
    result = parse(content)
    return str(result) if isinstance(result, Problem) else Pasted(result)
