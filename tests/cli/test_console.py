"""Results for machines take the place of results, and of nothing else."""

import json

import pytest

from wildrobot_cli.cli.console import check_json, write_json
from wildrobot_cli.errors import ConfigError

TRAINED = {"run": "runs/first", "params_sha256": "0" * 64, "finished": True, "eval": {}}


def refused(path) -> str:
    before = {p: p.read_bytes() for p in path.parent.rglob("*") if p.is_file()}
    with pytest.raises(ConfigError) as caught:
        check_json(path)
    assert {p: p.read_bytes() for p in path.parent.rglob("*") if p.is_file()} == before
    return str(caught.value)


@pytest.mark.parametrize(
    "results",
    [
        {"passed": True, "modes": {}},
        {"passed": False, "scenarios": {}},
        {"passed": True, "rows": []},
        {"passed": True, "bundle": None},
        {"passed": True, "stopped_by": None},
        {"clips": []},
        TRAINED,
    ],
)
def test_results_of_every_command_are_replaced(tmp_path, results):
    write_json(tmp_path / "out.json", results)
    check_json(tmp_path / "out.json")
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


@pytest.mark.parametrize("content", ["", "\n"])
def test_an_empty_file_is_replaced(tmp_path, content):
    (tmp_path / "out.json").write_text(content)
    check_json(tmp_path / "out.json")


@pytest.mark.parametrize(
    "content",
    [
        '{"robot": "wildrobot", "joints": []}',
        '{"schema_version": 3, "name": "walker"}',
        '{"seed": 0, "engine": "mujoco"}',
        '{"robot": "' + 64 * "0" + '", "params_sha256": "' + 64 * "0" + '"}',
        "{}",
        "null",
        '["passed"]',
        "notes",
        "[" * 100_000,
    ],
)
def test_a_file_of_something_else_is_refused_by_name(tmp_path, content):
    path = tmp_path / "robot.json"
    path.write_text(content)
    assert refused(path) == f"--json {path}: holds something else than results; remove it first"


def test_a_runs_own_summary_is_refused_by_whatever_name(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    path, link = tmp_path / "summary.json", tmp_path / "link.json"
    assert refused(path) == f"--json {path}: is the run's own; choose another name"
    path.write_text(json.dumps(TRAINED))
    link.symlink_to(path)
    assert "is the run's own" in refused(path)
    assert "is the run's own" in refused(link)
    check_json(tmp_path / "evaluation.json")
