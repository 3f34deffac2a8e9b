"""presets, check and cost from the command line."""

import json
import shlex

import pytest

from app import cli
from core.design.presets.registry import describe, names, plan_for, preset
from core.design.spec import Design
from core.trace.newest import trace_path
from core.trace.record import write
from storage import database, files, runs
from storage.drafts import Document
from tests.app.conftest import TINY, plan
from tests.core.design.samples import with_body
from tests.core.trace.make import make_trace


def plain(text: str) -> str:
    return text.replace("\u2009", " ")


def test_presets_lists_names_first_and_the_text_starter_on_top(capsys):
    assert cli.main(["presets"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(names())
    assert lines[0].startswith("starter ")
    assert preset("starter").task.kind == "language_model"
    mixtral = next(line for line in lines if line.startswith("mixtral"))
    assert "46.7 B total, 12.9 B active" in plain(mixtral)


def test_check_passes_and_fails_by_exit_status(capsys):
    assert cli.main(["check", "starter", "--stage", "train"]) == 0
    assert "no problems" in capsys.readouterr().out
    assert cli.main(["check", "deepseek-v3"]) == 0
    capsys.readouterr()
    assert cli.main(["check", "deepseek-v3", "--stage", "train"]) == 1
    assert "error: not-built at /stacks/0/layers/0/pattern/0/parts/0/body" in capsys.readouterr().out


def test_check_for_training_takes_the_data_that_train_would_take(capsys):
    assert cli.main(["check", "method/smear", "--stage", "train"]) == 0
    said = capsys.readouterr()
    assert "no problems at stage train" in said.out
    assert said.err.startswith("Data: digits, ")


def test_check_against_data(capsys):
    assert cli.main(["check", "starter", "--data", "digits"]) == 1
    out = capsys.readouterr().out
    assert "error: data-task" in out
    assert "possible edit: Match the task" in out


@pytest.mark.parametrize("name", [n for n in names() if describe(n).kind == "starter" and preset(n).depth])
def test_every_starter_fits_the_data_of_its_plan(name, capsys):
    assert cli.main(["check", name, "--data", plan_for(name).data]) == 0
    assert "error" not in capsys.readouterr().out


def test_cost_counts_without_a_target(capsys):
    assert cli.main(["cost", "mixtral-8x7b"]) == 0
    out = plain(capsys.readouterr().out)
    assert "46.7 B parameters  exact" in out
    assert "93.4 GB  exact" in out
    assert "H100" not in out


def test_cost_of_what_reads_all_at_once_names_no_cache(capsys):
    assert cli.main(["cost", "tabular"]) == 0
    assert "cached" not in capsys.readouterr().out
    assert cli.main(["cost", "method/hash"]) == 0
    said = capsys.readouterr().out
    assert "cached KV" in said
    assert "1\u2009expert / token  exact" in said


@pytest.mark.parametrize("name", ["method/smear", "digits-vit"])
def test_what_cannot_decode_leaves_nothing_in_a_cache(name, capsys):
    assert (
        cli.main(["cost", name, "--target", "rtx4090", "--phase", "prefill", "--batch", "64", "--json"]) == 0
    )
    found = json.loads(capsys.readouterr().out)
    assert found["kv_bytes_per_token"] == 0
    assert found["memory"]["rows"]["cache"]["value"] == 0
    assert found["memory"]["peak_bytes"] > found["memory"]["weights_bytes"] > 0


def test_cost_lists_what_routing_costs(capsys):
    assert cli.main(["cost", "deepseek-v3"]) == 0
    out = plain(capsys.readouterr().out)
    lines = {line.split("  ")[0]: line for line in out.splitlines()}
    assert "8 experts / token  exact" in lines["experts a token"]
    # Eight experts drawn evenly from four islands of 32 miss an island one time in ten.
    assert "3.6 devices / token" in lines["devices a token is sent to"]
    assert "training step" in lines


def test_a_run_says_how_many_experts_a_token_gets(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MOE_STUDIO_DATA", str(tmp_path))
    run_id = runs.create(
        database.open(tmp_path), Document("tiny", TINY, "a" * 64), plan(), "text", "request"
    ).id
    traced = make_trace()
    write(trace_path(files.folder(tmp_path, "runs", run_id), 7), traced)
    path = tmp_path / "design.json"
    experts = [{"kind": "glu", "count": 4, "hidden": 8}]
    path.write_text(with_body(experts=experts).model_dump_json(), encoding="utf-8")
    assert cli.main(["cost", str(path), "--run", run_id, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)["figures"]
    (layer,) = traced.layers
    got = layer.accepted.sum() / len(layer.expert)
    assert 0 < got != 2
    found = figures["experts a token"]
    assert (found["grade"], found["value"]) == ("fitted", pytest.approx(got))
    assert figures["experts a token, in training"]["grade"] == "exact"
    assert cli.main(["cost", "starter", "--run", "nothing"]) == 1
    assert "nothing" in capsys.readouterr().err
    for design, run in (("starter", "nothing"), ("deepseek-v3", run_id)):
        assert cli.main(["cost", design, "--run", run, "--json"]) == 1
        said = json.loads(capsys.readouterr().out)
        assert [problem["path"] for problem in said["problems"]] == ["/run"]
        assert said["problems"][0]["fix"].startswith("To fix this")
        assert said["distinct_experts"] is None


def test_a_run_of_another_k_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MOE_STUDIO_DATA", str(tmp_path))
    run_id = runs.create(
        database.open(tmp_path), Document("tiny", TINY, "a" * 64), plan(), "text", "request"
    ).id
    write(trace_path(files.folder(tmp_path, "runs", run_id), 7), make_trace(k=2))
    path = tmp_path / "design.json"
    experts = [{"kind": "glu", "count": 4, "hidden": 8}]
    other = with_body(experts=experts, router={"select": {"kind": "top_k", "k": 3}})
    path.write_text(other.model_dump_json(), encoding="utf-8")
    assert cli.main(["cost", str(path), "--run", run_id, "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert [problem["path"] for problem in said["problems"]] == ["/run"]
    assert "picks 3 of 4 experts" in said["problems"][0]["message"]
    assert said["time_s"] is None
    assert cli.main(["cost", str(path), "--run", "", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["problems"][0]["path"] == "/run"


def test_cost_on_a_target_lists_operators_and_memory(capsys):
    asked = ["cost", "mixtral-8x7b", "--target", "h100-sxm", "--phase", "decode", "--batch", "4"]
    assert cli.main([*asked, "--context", "512", "--weights", "int4"]) == 0
    out = plain(capsys.readouterr().out)
    assert "H100 SXM, decode, batch 4, context 512, int4" in out
    assert "timed as serving software, assumed: --stack names one" in out
    assert "fits: yes" in out
    assert "experts" in out
    assert "fitted" in out


def test_cost_on_an_fpga_says_by_how_much_it_does_not_fit(capsys):
    assert cli.main(["cost", "mixtral-8x7b", "--target", "zcu104", "--context", "512"]) == 0
    assert "fits: no, DRAM: 46.7 GB of 2.0 GB" in plain(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("asked", "change"),
    [
        ("mixtral-8x7b --target h100-sxm", "int8 fits"),
        ("deepseek-v3 --target h100-sxm --weights int4", "8 devices"),
        ("mixtral-8x7b --target h100-sxm --phase train --dp 8 --batch 8", "32 devices, ZeRO 3"),
        ("mixtral-8x7b --target rtx4090 --ep 2", "int4 fits"),
        ("granite-3.0-1b-a400m --target h100-sxm", ""),
    ],
)
def test_what_does_not_fit_keeps_its_figures_and_says_what_mends_it(asked, change, capsys):
    assert cli.main(["cost", *asked.split(), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["estimate"]["fits"] == (not change)
    assert found["estimate"]["change"] == change
    assert found["time_s"] > 0
    assert found["problems"] == []
    said = [told for told in found["caveats"] if told.startswith("It does not fit")]
    assert len(said) == (1 if change else 0)
    assert all(f"The smallest change that helps: {change}." in told for told in said)
    assert cli.main(["cost", *asked.split()]) == 0
    assert (f"smallest change: {change}" in capsys.readouterr().out) == bool(change)


def test_json_says_which_software_a_step_is_timed_as(capsys):
    asked = ["cost", "mixtral-8x7b", "--target", "h100-sxm", "--weights", "q4_0", "--json"]
    found = []
    for more in ([], ["--stack", "vllm"]):
        assert cli.main([*asked, *more]) == 0
        found.append(json.loads(capsys.readouterr().out)["estimate"]["software"])
    assert found == [
        {"class": "ggml", "words": "llama.cpp or its kin", "stack": None, "assumed": True},
        {"class": "serving", "words": "serving software", "stack": "vllm", "assumed": False},
    ]


@pytest.mark.parametrize("target", [[], ["--target", "h100-sxm"], ["--target", "zcu104"]])
def test_json_is_one_object_and_nothing_else(target, capsys):
    assert cli.main(["cost", "starter", "--json", *target]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["figures"]["total parameters"]["value"] == sum(
        part["times"] * part["parameters"] for part in document["parts"]
    )
    assert all(figure["formula"] in document["formulas"] for figure in document["figures"].values())
    assert ("estimate" in document) == bool(target)


EVERY_FLAG = shlex.split(
    "--batch 8 --context 32 --sequence 16 --tp 1 --ep 2 --pp 1 --dp 4 --gpus 4 --micro-batch 1 --zero 2"
    " --recompute selective --optimizer muon --stack vllm --weights bf16 --offload pcie --offload-layers 1"
    " --host cpu-desktop --price 2 --watts 400 --correlation 0.9"
)


@pytest.mark.parametrize("phase", ["decode", "prefill", "train"])
@pytest.mark.parametrize("target", [[], ["--target", "h200-sxm"]])
def test_every_flag_is_taken_in_every_phase(phase, target, capsys):
    assert cli.main(["cost", "starter", "--json", "--phase", phase, *target, *EVERY_FLAG]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["problems"] == []
    assert found["context"] == (32 if phase == "decode" else 16)
    assert found["plan"] == {"tp": 1, "ep": 2, "pp": 1, "dp": 4, "devices": 4}
    assert found["parameters"].keys() == {"total", "active_r1", "active_r2", "active_r3"}
    assert found["kv_bytes_per_token"] == 2 * 3 * 2 * 2 * 32
    assert 0 < found["memory"]["weights_bytes"] < found["memory"]["peak_bytes"]
    assert min(found["flops"], found["bytes"]) > 0
    assert 0 < found["distinct_experts"] <= 8
    timed = [found[name] for name in ("time_s", "time_band_s", "tokens_per_s", "bound")]
    if not target:
        assert timed == [None] * 4
        return
    low, high = found["time_band_s"]
    assert low <= found["time_s"] <= high
    assert found["tokens_per_s"] == pytest.approx((8 if phase == "decode" else 8 * 16) / found["time_s"])
    assert found["bound"] in ("compute", "memory", "overhead", "network")


def test_what_makes_no_sense_is_a_problem_and_never_a_number(capsys):
    asked = ["--batch", "-3", "--context", "100000", "--tp", "3", "--target", "h1000", "--stack", "vlm"]
    assert cli.main(["cost", "mixtral-8x7b", "--json", *asked]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [p["path"] for p in found["problems"]] == ["/target", "/stack", "/batch", "/context", "/tp"]
    assert all(p["message"] and p["fix"].startswith("To fix this") for p in found["problems"])
    nothing = ("time_s", "time_band_s", "tokens_per_s", "bound", "flops", "bytes", "distinct_experts")
    assert [found[name] for name in nothing] == [None] * len(nothing)
    assert found["memory"] == {"weights_bytes": None, "peak_bytes": None}


@pytest.mark.parametrize(
    ("flag", "value", "path"),
    [
        ("--batch", "1.5", "/batch"),
        ("--batch", "many", "/batch"),
        ("--context", "1e400", "/context"),
        ("--tp", "two", "/tp"),
        ("--gpus", "0.5", "/devices"),
        ("--price", "abc", "/price"),
        ("--price", "nan", "/price"),
        ("--watts", "1kW", "/watts"),
        ("--correlation", "x", "/correlation"),
    ],
)
def test_what_is_no_number_is_a_problem_too(flag, value, path, tmp_path, capsys):
    asked = [flag, value, "--target", "h100-sxm", "--stack", "vlm"]
    for name in ("mixtral-8x7b", str(tmp_path / "none.json")):
        assert cli.main(["cost", name, "--json", *asked]) == 1
        found = json.loads(capsys.readouterr().out)
        assert {path, "/stack"} <= {p["path"] for p in found["problems"]}
        assert found["time_s"] is None
    assert cli.main(["cost", "mixtral-8x7b", *asked]) == 1
    assert "To fix this" in capsys.readouterr().err


def test_whole_numbers_may_be_written_with_an_exponent(capsys):
    assert cli.main(["cost", "mixtral-8x7b", "--batch", "1e3", "--context", "2048.0", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["batch"], found["context"]) == (1000, 2048)


def broken(document):
    document["width"] = -1
    document["task"]["vocabulary"] = "many"


ATTENTION = "/stacks/0/layers/0/pattern/0/parts/0/body"


def odd(document):
    document["stacks"][0]["layers"][0]["pattern"][0]["parts"][0]["body"]["heads"] = 5


@pytest.mark.parametrize(
    ("spoil", "paths"),
    [
        (None, ["/design"]),
        (broken, ["/width", "/task/vocabulary"]),
        (odd, [f"{ATTENTION}/heads", f"{ATTENTION}/kv_heads"]),
    ],
)
def test_a_design_that_cannot_be_costed_is_an_object_too(spoil, paths, tmp_path, capsys):
    path = tmp_path / "mine.json"
    document = preset("starter").model_dump(mode="json")
    if spoil is None:
        path.write_text('{"half":', encoding="utf-8")
    else:
        spoil(document)
        path.write_text(json.dumps(document), encoding="utf-8")
    asked = ["--batch", "-3", "--target", "h1000", "--weights", "", "--tp", "0"]
    assert cli.main(["cost", str(path), "--json", *asked]) == 1
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    told = [problem["path"] for problem in found["problems"]]
    assert told == [*paths, "/target", "/tp", "/batch", "/weights"]
    assert all(p["message"] and p["fix"].startswith("To fix this") for p in found["problems"])
    nothing = ("sha", "time_s", "time_band_s", "tokens_per_s", "bound", "flops", "bytes", "distinct_experts")
    assert {found[name] for name in nothing} == {None}
    assert set(found["parameters"].values()) == set(found["memory"].values()) == {None}


@pytest.mark.parametrize("flag", ["target", "weights", "phase", "stack", "optimizer", "recompute"])
def test_an_empty_word_is_no_default(flag, capsys):
    assert cli.main(["cost", "starter", "--json", "--target", "h100-sxm", f"--{flag}", ""]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [problem["path"] for problem in found["problems"]] == [f"/{flag}"]
    assert found["time_s"] is None


def test_money_and_experts_off_the_device(capsys):
    asked = ["cost", "mixtral-8x7b", "--target", "rtx4090", "--price", "0.5", "--watts", "300"]
    assert cli.main([*asked, "--offload", "host", "--offload-layers", "16", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    seconds = found["time_s"]
    assert found["joules_per_token"] == pytest.approx(300 * seconds)
    assert found["cost_per_million_tokens"] == pytest.approx(0.5 * 1e6 / 3600 * seconds)
    assert found["money"]["energy per token"]["low"] < found["joules_per_token"]
    assert found["offload"]["layers"] == 16
    assert found["offload"]["bytes"] == 16 * 8 * 3 * 4096 * 14336 * 2
    assert any("off the device" in told for told in found["caveats"])
    assert cli.main([*asked, "--offload", "nvme"]) == 0
    said = plain(capsys.readouterr().out)
    assert "fetched experts" in said
    assert "cost of a million tokens" in said
    assert cli.main(["cost", "starter", "--json", "--target", "zcu104"]) == 0
    nothing = json.loads(capsys.readouterr().out)
    assert (nothing["joules_per_token"], nothing["cost_per_million_tokens"]) == (None, None)


def test_widths_may_be_a_file(tmp_path, capsys):
    path = tmp_path / "widths.json"
    path.write_text('{"default": "bf16", "expert": "mxfp4"}')
    sizes = []
    for weights in (str(path), "mxfp4", "bf16"):
        assert cli.main(["cost", "starter", "--json", "--weights", weights]) == 0
        sizes.append(json.loads(capsys.readouterr().out)["memory"]["weights_bytes"])
    assert sizes[0] == sizes[1] < sizes[2]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["cost", "startr"], "Did you mean 'starter'"),
        (["cost", "starter", "--target", "h100"], "Did you mean 'h100-sxm'"),
        (["cost", "starter", "--target", "h100-sxm", "--phase", "rest"], "no phase 'rest'"),
        (["cost", "starter", "--context", "0"], "context of 0"),
        (["cost", "starter", "--weights", "bogus"], "no number format 'bogus'"),
        (["cost", "starter", "--weights", "w8a8"], "no number format 'w8a8'"),
        (["cost", "starter", "--batch", "0"], "batch of 0"),
        (["cost", "starter", "--phase", "bogus"], "no phase 'bogus'"),
        (["cost", "digits-vit", "--phase", "decode"], "Only a language model decodes"),
        (["check", "starter", "--stage", "flight"], "no stage 'flight'"),
        (["check", "starter", "--stage", "export"], "no stage 'export'"),
        (["check", "starter", "--stage", "export:bogus"], "no export target 'bogus'"),
        (["check", "starter", "--stage", "export:hls"], "an HLS bundle is not built yet"),
        (["check", "starter", "--data", "txt"], "There is no data"),
    ],
)
def test_mistakes_are_sentences(argv, words, capsys):
    assert cli.main(argv) == 1
    captured = capsys.readouterr()
    assert words in captured.err
    assert "To fix this" in captured.err
    assert captured.out == ""


def test_a_file_is_a_design_or_says_why_not(tmp_path, capsys):
    path = tmp_path / "mine.json"
    path.write_text(preset("starter").model_dump_json(), encoding="utf-8")
    assert cli.main(["cost", str(path)]) == 0
    capsys.readouterr()
    path.write_text('{"model_type": "nobody", "hidden_size": 64}', encoding="utf-8")
    assert cli.main(["cost", str(path)]) == 1
    assert "'nobody' is no family known here" in capsys.readouterr().err


def test_a_design_with_errors_is_not_costed(tmp_path, capsys):
    document = preset("starter").model_dump(mode="json")
    document["stacks"][0]["layers"][0]["pattern"][0]["parts"][0]["body"]["heads"] = 5
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    assert cli.main(["cost", str(path)]) == 1
    assert "5 heads do not divide" in capsys.readouterr().err


def test_presets_writes_a_design_and_its_small_proxy(tmp_path, capsys):
    whole, small = tmp_path / "whole.json", tmp_path / "small.json"
    assert cli.main(["presets", "deepseek-v3", "--out", str(whole)]) == 0
    assert Design.model_validate_json(whole.read_text()) == preset("deepseek-v3")
    assert cli.main(["presets", str(whole), "--shrink", "--out", str(small)]) == 0
    said = capsys.readouterr().err
    assert "Kept: 32 experts for each one used" in said
    assert "Not trained yet: the part 'mla' (use attention" in said
    assert cli.main(["check", str(small), "--stage", "train"]) == 0


def test_presets_as_json_and_the_methods(capsys):
    assert cli.main(["presets", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == list(names())
    assert cli.main(["presets", "--methods"]) == 0
    assert "Expert choice: Experts choose their tokens" in capsys.readouterr().out


def test_a_method_is_a_design_too(capsys):
    assert cli.main(["presets", "method/smear"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "SMEAR on Digits ViT"
    assert cli.main(["check", "method/gw-moe", "--data", "text"]) == 0
    for wrong, told in (("smear", "write method/smear"), ("method/smaer", "Did you mean 'smear'?")):
        assert cli.main(["check", wrong]) == 1
        assert told in capsys.readouterr().err


def test_shrinking_needs_a_design(capsys):
    assert cli.main(["presets", "--shrink"]) == 1
    assert "To fix this, name one" in capsys.readouterr().err
    assert cli.main(["presets", "blank", "--shrink"]) == 1
    assert "nothing to shrink" in capsys.readouterr().err
