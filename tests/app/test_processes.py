"""What a process that we start is told of its surroundings."""

import json
from pathlib import Path

import pytest

from app.processes import spawn


def test_a_process_learns_of_the_compiler_and_of_no_secret(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = {"CC": "", "XDG_CACHE_HOME": "/cache", "SOME_TOKEN": "secret"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    log = tmp_path / "log"
    process = spawn(["-c", "import json, os; print(json.dumps(dict(os.environ)))"], tmp_path, log)
    assert process.wait(60) == 0
    told = json.loads(log.read_text())
    assert {name: told.get(name) for name in given} == given | {"SOME_TOKEN": None}
    assert told["MOE_STUDIO_DATA"] == str(tmp_path)
    assert told["OMP_NUM_THREADS"] == "1"
