"""What is printed is printed as it is; results for machines replace results, nothing else."""

import json
import time

import pytest
from rich.color import ColorSystem

from wildrobot_cli.cli.animating import show_video
from wildrobot_cli.cli.console import (
    check_json,
    console,
    mark,
    show_rows,
    show_table,
    stages,
    write_json,
)
from wildrobot_cli.cli.eval_view import EvalDisplay
from wildrobot_cli.errors import ConfigError

NAMES = ("walk[seed].html", "[red]walk[/b].gif", "a:dog:b")
"""Names of files that Rich would read as its own language."""
TRAINED = {"run": "runs/first", "params_sha256": "0" * 64, "finished": True, "eval": {}}


@pytest.fixture
def terminal(monkeypatch):
    """Standard output is a terminal of 16 colours."""
    monkeypatch.setattr(console, "_force_terminal", True)
    monkeypatch.setattr(console, "is_interactive", True)
    monkeypatch.setattr(console, "_color_system", ColorSystem.STANDARD)
    monkeypatch.setenv("TERM", "xterm")


@pytest.mark.parametrize("name", NAMES)
def test_a_line_is_printed_letter_by_letter(capsys, name):
    console.print(f"report in {name}", style="dim")
    assert capsys.readouterr().out == f"report in {name}\n"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("show", [show_table, show_rows])
def test_a_table_is_printed_letter_by_letter(capsys, show, name):
    show(f"of {name}", ("", f"in {name}"), [(f"at {name}", f"is {name}")])
    out = capsys.readouterr().out
    assert all(f"{word} {name}" in out for word in ("of", "in", "at", "is"))


@pytest.mark.parametrize("name", NAMES)
def test_a_stage_is_shown_letter_by_letter(capsys, terminal, name):
    seen, deadline = "", time.monotonic() + 10
    with stages() as show:
        show(f"measuring {name}")
        while f"measuring {name} ..." not in seen and time.monotonic() < deadline:
            time.sleep(0.02)
            seen += capsys.readouterr().out
    assert f"measuring {name} ..." in seen


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_is_shown_letter_by_letter(capsys, terminal, name):
    display = EvalDisplay()
    display.update(name, 0.5)
    display.close()
    assert f"measuring {name}" in capsys.readouterr().out


def test_what_to_install_for_mp4_is_told_in_full(capsys, tmp_path):
    show_video(tmp_path / "walk.mp4", tmp_path / "walk.gif")
    assert "pip install 'wildrobot[video]'" in capsys.readouterr().out


def test_a_verdict_is_one_coloured_word_in_a_terminal_and_plain_in_a_pipe(capsys, monkeypatch):
    console.print(mark(True, ": [red]"))
    assert capsys.readouterr().out == "passed: [red]\n"
    monkeypatch.setattr(console, "_color_system", ColorSystem.STANDARD)
    console.print(mark(True, ": all"))
    console.print(mark(False, ": one"))
    assert capsys.readouterr().out == "\x1b[32mpassed\x1b[0m: all\n\x1b[31mFAILED\x1b[0m: one\n"


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
