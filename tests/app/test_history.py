"""Versions, comparison and links: what the pages and the command line make of them."""

import json
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from streamlit.testing.v1 import AppTest

from app import cli, pages
from app.comparing import costs
from app.composer import history
from app.composer.desk import Desk, document, read
from app.designs import read_design
from app.links import absolute, address, own_address, packed
from core.cost.count import count
from core.design.edit import SetValue
from core.design.edits import apply
from core.design.link import encode
from core.design.presets.registry import preset
from core.design.spec import Design
from storage import database, drafts
from storage.errors import NotFoundError
from storage.records import Draft, Version
from tests.app.visiting import seen

MOE = "/stacks/0/layers/0/pattern/0/parts/1/body"


@pytest.fixture
def db(tmp_path, monkeypatch):
    monkeypatch.setenv("MOE_STUDIO_DATA", str(tmp_path))
    opened = database.open(tmp_path)
    yield opened
    opened.close()


def with_experts(number: int) -> Design:
    design = apply(preset("starter"), SetValue(path=f"{MOE}/experts/0/count", value=number))
    assert isinstance(design, Design)
    return design


def experts(draft: Draft) -> int:
    return read(draft.design).stacks[0].layers[0].pattern[0].parts[1].body.count


def studio(**query: str) -> AppTest:
    """The Design page as a link opens it."""
    app = AppTest.from_file("../../app/main.py", default_timeout=60)
    app.switch_page("views/design.py")
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def open_menu() -> None:
    """What the menu beside the name holds; a test of this kind cannot hold a popover open."""
    import streamlit as st

    from app import state
    from app.composer import history
    from app.guard import guarded
    from app.paths import data_root
    from storage import database, drafts

    state.keep_link()
    db, desk = database.open(data_root()), state.desk()
    desk.open(db, state.design_id() or "")
    st.title(desk.design.name)
    st.button("Undo", on_click=guarded(lambda: desk.undo(db)))
    history.versions_menu(db, drafts.versions(db, state.design_id()))


def open_dialog(which: str, version_id: str) -> None:
    """A dialog that each run opens again; a test of this kind cannot run a dialog alone."""
    from app import state
    from app.composer import history
    from app.paths import data_root
    from storage import database, drafts

    state.keep_link()
    db, desk = database.open(data_root()), state.desk()
    desk.open(db, state.design_id() or "")
    if which == "compare":
        history.compare(db, f"version:{version_id}")
    elif any(version.id == version_id for version in drafts.versions(db)):
        history._delete(db, "v1", drafts.version(db, version_id))


def dialog(which: str, draft: Draft, version: Version) -> AppTest:
    app = AppTest.from_function(open_dialog, args=(which, version.id), default_timeout=60)
    app.query_params["design"] = draft.id
    return app.run()


def menu(draft: Draft) -> AppTest:
    app = AppTest.from_function(open_menu, default_timeout=60)
    app.query_params["design"] = draft.id
    return app.run()


def opened(app: AppTest) -> str:
    """The id in the address; what was set is a text there, what the script wrote a list."""
    value = app.query_params["design"]
    return value if isinstance(value, str) else value[0]


def press(app: AppTest, label: str) -> AppTest:
    app = next(button for button in app.button if button.label == label).click().run()
    assert not app.exception
    return app


def keep(app: AppTest, name: str) -> AppTest:
    next(field for field in app.text_input if field.label == "Keep this version").input(name)
    return press(app, "Keep")


def words(app: AppTest) -> str:
    return "\n".join(seen(text.value) for text in app.markdown)


# ---- versions
def test_a_version_is_kept_compared_restored_and_the_restore_undone(db):
    draft = drafts.create(db, document(with_experts(8)))
    app = keep(menu(draft), "  before   experts ")
    ((kept),) = drafts.versions(db, draft.id)
    assert (kept.name, kept.sha) == ("before experts", draft.sha)
    assert "Shown now" in words(app)
    drafts.save(db, draft.id, draft.revision, document(with_experts(16)), "Experts 16")
    app.run()
    assert "Since then: Layers 1–3, MoE layer: experts 8 → 16" in words(app)
    press(app, "Restore")
    back = drafts.get(db, draft.id)
    assert (experts(back), back.undo) == (8, "Restore v1 'before experts'")
    press(app, "Undo")
    assert experts(drafts.get(db, draft.id)) == 16


def test_keeping_twice_in_a_row_keeps_once(db):
    draft = drafts.create(db, document(with_experts(8)))
    app = keep(keep(menu(draft), "a"), "a")
    assert len(drafts.versions(db, draft.id)) == 1
    keep(app, "b")
    assert [version.name for version in drafts.versions(db, draft.id)] == ["b", "a"]


def test_a_restore_leaves_the_name_of_the_design(db):
    draft = drafts.create(db, document(with_experts(8)))
    app = keep(menu(draft), "")
    renamed = with_experts(16).model_copy(update={"name": "Renamed"})
    drafts.save(db, draft.id, draft.revision, document(renamed), "Rename")
    press(app.run(), "Restore")
    back = drafts.get(db, draft.id)
    assert (back.name, experts(back), back.undo) == ("Renamed", 8, "Restore v1")


def test_a_branch_is_a_design_of_its_own(db):
    draft = drafts.create(db, document(with_experts(8)))
    app = keep(menu(draft), "small")
    drafts.save(db, draft.id, draft.revision, document(with_experts(16)))
    app = press(app.run(), "Branch")
    assert app.title[0].value == "Starter v1"
    branch = drafts.get(db, opened(app))
    assert branch.id != draft.id
    assert (experts(branch), experts(drafts.get(db, draft.id))) == (8, 16)


def test_deleting_a_version_asks_first(db):
    draft = drafts.create(db, document(with_experts(8)))
    app = press(keep(menu(draft), "a"), "Delete")
    assert "is deleted for good" in words(app)
    (version,) = drafts.versions(db, draft.id)
    press(dialog("delete", draft, version), "Keep it")
    assert drafts.versions(db, draft.id) == (version,)
    press(dialog("delete", draft, version), "Delete v1")
    assert drafts.versions(db, draft.id) == ()
    assert drafts.get(db, draft.id) == draft


def test_a_version_that_is_gone_is_named(db):
    with pytest.raises(NotFoundError, match="deleted in another tab"):
        drafts.version(db, "gone-000000")


def test_names_of_versions_are_shown_as_text(db):
    image = "![x](http://example.org/a.png)"
    draft = drafts.create(db, document(with_experts(8)))
    app = press(keep(menu(draft), image), "Delete")
    shown = [*app.markdown, *app.caption]
    assert any(image in seen(element.value) for element in shown)
    assert [element.value for element in shown if image in element.value] == []


def test_the_menu_is_called_after_where_we_are(db):
    draft = drafts.create(db, document(with_experts(8)))
    assert history.where_we_are((), draft.sha) == "Versions"
    drafts.keep_version(db, "a", document(with_experts(8)), draft.id)
    drafts.keep_version(db, "b", document(with_experts(16)), draft.id)
    kept = drafts.versions(db, draft.id)
    assert history.where_we_are(kept, draft.sha) == "v1"
    assert history.where_we_are(kept, with_experts(16).sha) == "v2"
    assert history.where_we_are(kept, with_experts(9).sha) == "v2, edited"


def test_in_two_tabs_a_restore_that_comes_late_loses_nothing(db):
    draft = drafts.create(db, document(with_experts(8)))
    version = drafts.keep_version(db, "eight", document(with_experts(8)), draft.id)
    one, two = Desk(), Desk()
    for tab in (one, two):
        tab.open(db, draft.id)
    assert one.replace(db, with_experts(16), "Experts 16")
    history._restore(db, two, "v1 'eight'", with_experts(5))
    assert experts(drafts.get(db, draft.id)) == 16
    assert two.lost is not None
    # What is not decided is neither restored over nor lost; a version can still be kept.
    history._restore(db, two, "v1 'eight'", with_experts(6))
    assert experts(drafts.get(db, draft.id)) == 16
    assert "Choose first" in two.message
    branch = two.branch(db)
    assert experts(branch) == 5
    assert drafts.versions(db, draft.id) == (version,)


# ---- two designs side by side
def test_anything_can_be_compared_with_anything(db):
    draft = drafts.create(db, document(with_experts(8)))
    other = drafts.create(db, document(with_experts(32).model_copy(update={"name": "Other"})))
    app = keep(menu(draft), "eight")
    drafts.save(db, draft.id, draft.revision, document(with_experts(16)))
    assert [box.label for box in press(app.run(), "Compare").selectbox] == ["From", "To"]
    app = dialog("compare", draft, drafts.versions(db, draft.id)[0])
    assert "Layers 1–3, MoE layer: experts 8 → 16" in words(app)
    changes, cost = (table.value for table in app.table)
    assert list(changes.iloc[0]) == ["Layers 1–3, MoE layer", "experts", "8", "16"]
    assert cost["Cost"][0] == "Total parameters"
    assert cost["Difference"][0].startswith("↑")
    app.selectbox[1].set_value(f"design:{other.id}").run()
    assert "experts 8 → 32" in words(app)
    app.selectbox[0].set_value("preset:deepseek-v3").run()
    assert not app.exception
    assert "python -m app diff deepseek-v3 AFTER.json" in [block.value for block in app.code]


def test_the_difference_of_costs_is_that_of_the_counts():
    total = costs(with_experts(8), with_experts(16))[0]
    before, after = count(with_experts(8)).total, count(with_experts(16)).total
    assert (total.before.value, total.after.value) == (before, after)
    assert total.texts[2] == f"↑\u2009{100 * (after - before) / before:.1f}\u2009%"
    far = costs(with_experts(8), preset("deepseek-v3"))[0]
    assert far.texts[2] == "1.02\u2009M times more"
    assert costs(preset("deepseek-v3"), with_experts(8))[0].texts[2] == "1.02\u2009M times less"


def test_diff_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "mine.json"
    path.write_text(with_experts(16).model_dump_json())
    assert cli.main(["diff", "starter", str(path)]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0] == "Layers 1–3, MoE layer: experts 8 → 16"
    assert re.search(r"Total parameters +657.3\u2009k +\S+\u2009\S+ +↑", out)
    assert cli.main(["diff", "starter", "starter", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["changes"] == []
    assert cli.main(["diff", "starter", str(path), "--json"]) == 0
    (change,) = json.loads(capsys.readouterr().out)["changes"]
    assert (change["before"], change["after"], change["after_pointer"]) == ("8", "16", f"{MOE}/experts")


# ---- links
def test_a_link_is_the_page_and_the_design():
    path = address(preset("starter"))
    (entry,) = (entry for entry in pages.PAGES if entry.file == "design.py")
    assert urlsplit(path).path == urlsplit(own_address("x")).path == entry.address
    assert parse_qs(urlsplit(path).query) == {"d": [encode(preset("starter"))]}
    for host in ("https://studio.example", "http://[not-an-address", ""):
        assert packed(f"{host}{path}#part") == encode(preset("starter"))
    assert packed("starter") is packed("some/file.json") is packed(own_address("x")) is None
    assert absolute("/design?d=1", "http://host:1/base/design") == "http://host:1/base/design?d=1"
    assert absolute("/design?d=1", None) == "/design?d=1"


def test_share_on_the_command_line_and_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["share", "mixtral-8x7b"]) == 0
    link = capsys.readouterr().out.strip()
    assert read_design(f"http://localhost:8501{link}")[0] == preset("mixtral-8x7b")
    assert cli.main(["check", link[:80]]) == 1
    assert "cut off" in capsys.readouterr().err
    path = tmp_path / "long.json"
    path.write_text(incompressible().model_dump_json())
    assert cli.main(["share", str(path)]) == 1
    assert "send the design's JSON file" in capsys.readouterr().err


def incompressible() -> Design:
    """A design of so many different widths that its link is too long for a chat."""
    groups = [{"kind": "glu", "hidden": 10_000 + 7919 * n * n % 89_989} for n in range(256)]
    repeats = preset("starter").model_dump(mode="json")["stacks"][0]["layers"] * 8
    design = apply(preset("starter"), SetValue(path="/stacks/0/layers", value=repeats))
    for n in range(8):
        at = f"/stacks/0/layers/{n}/pattern/0/parts/1/body/experts"
        moved = [g | {"hidden": g["hidden"] + 1000 * n} for g in groups[n:] + groups[:n]]
        design = apply(design, SetValue(path=at, value=moved))
    assert isinstance(design, Design)
    return design


def test_a_link_opens_one_design_however_often(db):
    design = with_experts(16).model_copy(update={"name": "From a friend"})
    app = studio(d=encode(design))
    (draft,) = drafts.listing(db)
    assert (draft.sha, draft.name) == (design.sha, "From a friend")
    assert "d" not in app.query_params
    assert opened(app) == draft.id
    assert any("Opened from a link: From a friend" in seen(note.value) for note in app.info)
    app.run()
    assert any("Opened from a link" in note.value for note in app.info)
    studio(d=encode(design))
    assert len(drafts.listing(db)) == 1
    saved = drafts.save(db, draft.id, draft.revision, document(with_experts(4)))
    assert isinstance(saved, Draft)
    studio(d=encode(design))
    assert len(drafts.listing(db)) == 2
    assert experts(drafts.get(db, draft.id)) == 4


def test_a_bad_link_says_why_and_changes_nothing(db):
    app = studio(d="1.garbage")
    assert "The link is" in words(app)
    assert drafts.listing(db) == ()
    draft = drafts.create(db, document(with_experts(8)))
    app = studio(d=encode(with_experts(16))[:60], design=draft.id)
    assert any("cut off" in note.value for note in app.info)
    assert drafts.listing(db)[0].sha == draft.sha
    assert len(drafts.listing(db)) == 1


@pytest.mark.parametrize("whole", [True, False])
def test_the_share_menu(db, whole):
    design = with_experts(16) if whole else incompressible()
    draft = drafts.create(db, document(design))
    app = studio(design=draft.id)
    app.session_state[f"share:{draft.id}"] = True
    app.run()
    link = app.code[0].value
    assert link.endswith(address(design) if whole else own_address(draft.id))
    assert any("in this studio only" in note.value for note in app.caption) is not whole
    assert Design.model_validate_json(app.code[1].value) == design
