"""A design as the user names it: a preset, a file, or a link that carries it."""

import json
import sys
from pathlib import Path

from pydantic import ValidationError

from app.errors import UserError
from app.links import packed
from components.canvas import svg
from core.design.edit import SetValue
from core.design.edits import apply, parse_all
from core.design.huggingface import read as huggingface
from core.design.link import decode
from core.design.mistakes import fault
from core.design.plan import Plan
from core.design.presets.methods import UnknownMethodError, method, methods, with_method
from core.design.presets.registry import UnknownPresetError, named, names, plan_for, preset
from core.design.problems import Problem
from core.design.spec import Design
from core.design.suited import suited

MOST_BYTES = 4_000_000
METHOD = "method/"
DESIGN_HELP = (
    "a preset, a small one with a routing method such as method/smear, the path of a design's JSON file or"
    " of a Hugging Face config.json, or a link"
)


def read_design(name: str) -> tuple[Design, Plan]:
    """The design called `name` and the plan that suits it. Raises UserError."""
    if name in names():
        return preset(name), plan_for(name)
    if name.startswith(METHOD):
        return _with_method(name.removeprefix(METHOD))
    if (linked := packed(name)) is not None:
        return _suited(_design(decode(linked)))
    path = Path(name).expanduser()
    if path.is_file():
        return _suited(_from_file(path))
    try:
        return preset(name), plan_for(name)
    except UnknownPresetError as error:
        if any(entry.name == name for entry in methods()):
            raise UserError(
                f"{name} is a routing method, not a design. To fix this, write {METHOD}{name}: that is the"
                " starter, or the digits one, with this method."
            ) from None
        raise UserError(
            f"{error} Or give the path of a design file; there is none at {name[:200]!r}."
        ) from None


def _with_method(name: str) -> tuple[Design, Plan]:
    """The starter with a method trains as long as the starter does, and as fast."""
    try:
        chosen = method(name)
    except UnknownMethodError as error:
        raise UserError(str(error)) from None
    return _suited(with_method(chosen), plan_for(chosen.base))


def _suited(design: Design, plan: Plan | None = None) -> tuple[Design, Plan]:
    return design, suited(plan or Plan(), design)


def argument(design: Design, file: str = "DESIGN.json") -> tuple[str, Plan]:
    """What a command calls a design, a preset that it still is or else a file, and the plan it has there.

    The counterpart of `read_design`: a page that shows a command says what differs from this plan.
    """
    name = named(design.sha)
    return (name, plan_for(name)) if name else (file, suited(Plan(), design))


def _from_file(path: Path) -> Design:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UserError(
                f"{path} has {path.stat().st_size:,} bytes, and a design has at most {MOST_BYTES:,}. "
                "To fix this, name the design file itself."
            )
        text = path.read_text(encoding="utf-8-sig")
        document = svg.design_of(text) if svg.is_svg(text) else json.loads(text)
    except svg.NoDesignError as error:
        raise UserError(f"{path}: {error}") from None
    except json.JSONDecodeError as error:
        raise UserError(
            f"{path} is not a design: line {error.lineno}, column {error.colno}: {error.msg}. To fix this, "
            "mend the file or export the design again."
        ) from None
    except (ValueError, RecursionError):
        raise UserError(
            f"{path} is not a design: it is not JSON text. To fix this, name a .json file."
        ) from None
    except OSError as error:
        raise UserError(
            f"{path} cannot be read: {error.strerror}. To fix this, check its permissions."
        ) from None
    if huggingface.looks_like(document):
        return _imported(huggingface.read(document))
    return _design(parse_all(document))


def _imported(result: huggingface.Imported | Problem) -> Design:
    """The design of a config.json; what to know about it goes to stderr."""
    if isinstance(result, Problem):
        return _design(result)
    for note in result.told:
        sys.stderr.write(f"note: {note}\n")
    return result.design


def with_values(design: Design, plan: Plan, assignments: list[str]) -> tuple[Design, Plan]:
    """Both after `plan.NAME=VALUE` and `/POINTER=VALUE` assignments. Raises UserError."""
    for assignment in assignments:
        target, equals, text = assignment.partition("=")
        if not equals or not target.startswith(("/", "plan.")):
            raise UserError(
                f"{assignment[:80]!r} sets nothing: a value is set by plan.NAME=VALUE or /POINTER=VALUE. "
                "To fix this, write for example plan.optimizer.rate=0.01 or /width=64."
            )
        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            value = text
        if target.startswith("/"):
            design = _design(apply(design, SetValue(path=target, value=value)))
        else:
            plan = with_plan_value(plan, target.removeprefix("plan.").split("."), value)
    return design, plan


def with_plan_value(plan: Plan, keys: list[str], value: object) -> Plan:
    """The plan with the value under `keys` replaced. Raises UserError."""
    document = plan.model_dump(mode="json")
    node = document
    for key in keys[:-1]:
        node = node.setdefault(key, {})
        if not isinstance(node, dict):
            break
    if not isinstance(node, dict):
        raise UserError(
            f"plan.{'.'.join(keys)} is a single value's part. To fix this, leave out {keys[-1]!r}."
        )
    node[keys[-1]] = value
    try:
        return Plan.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(["plan", *map(str, first["loc"])])
        raise UserError(
            f"{place} cannot be {value!r}: {fault(first)}. To fix this, "
            "give it another value; the names are those of plan.json in any run's folder."
        ) from None


def _design(result: Design | Problem | tuple[Problem, ...]) -> Design:
    if isinstance(result, Design):
        return result
    problems = result if isinstance(result, tuple) else (result,)
    raise UserError(str(problems[0]), problems)
