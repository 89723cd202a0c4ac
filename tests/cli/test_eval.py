"""`wildrobot eval` on several scenarios and on two runs, and what it refuses."""

import json
import shutil

import pytest

from wildrobot_cli.errors import EnvironmentUnavailable
from wildrobot_cli.evaluation import evaluate


def test_several_scenarios_in_json(command, run, tmp_path):
    asked = ("--scenario", "flat", "--scenario", "turning", "--episodes", "3")
    done = command("eval", "tiny", *asked, "--json", "results.json")
    results = json.loads((tmp_path / "results.json").read_text())
    assert list(results["scenarios"]) == ["flat", "turning"]
    flat, turning = results["scenarios"].values()
    assert flat["episodes"] == turning["episodes"] == 3
    assert flat["gates"]["success_rate"]["min"] == 0.95
    assert turning["untrained"] == ["yaw_rate"]
    assert results["passed"] is flat["passed"] is (done.code == 0)


@pytest.mark.parametrize(
    ("error", "code"), [(EnvironmentUnavailable("no memory"), 3), (KeyboardInterrupt(), 130)]
)
def test_what_is_measured_is_kept_when_a_later_scenario_ends_it(
    command, run, tmp_path, monkeypatch, error, code
):
    honest = evaluate.measure

    def ending(subject, scenario, *others):
        if scenario.name == "turning":
            raise error
        return honest(subject, scenario, *others)

    monkeypatch.setattr(evaluate, "measure", ending)
    asked = ("--scenario", "flat", "--scenario", "turning", "--json", "results.json")
    done = command("eval", "tiny", *asked)
    assert done.code == code
    assert "turning: not measured" in done.out and "incomplete" in done.out
    results = json.loads((tmp_path / "results.json").read_text())
    assert list(results["scenarios"]) == ["flat"]
    assert results["missing"] == {"turning": "not measured"}
    assert results["passed"] is False


def test_two_runs_side_by_side(command, run, tmp_path):
    """The first by its number of control steps, which means nothing in the other."""
    shutil.copytree("tiny", "other")
    (checkpoint,) = (tmp_path / "other" / "checkpoints").iterdir()
    checkpoint.rename(checkpoint.with_name(f"{160:012d}"))
    asked = ("--checkpoint", "120", "--against", "other")
    command("eval", "tiny", *asked, "--json", "results.json")
    results = json.loads((tmp_path / "results.json").read_text())
    assert set(results) == {"passed", "scenarios", "compared", "differences"}
    assert results["compared"]["other"] == {"flat": results["scenarios"]["flat"]}
    power = results["differences"]["other"]["flat"]["power_w"]
    assert set(power) == {"first", "second", "difference", "ci95", "flagged"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--scenario", "flatt"), "flatt: no such scenario; did you mean 'flat'?"),
        (("--scenario", "none.yaml"), "none.yaml: no such scenario"),
        (("--against", "tiny"), "expected another run, this is the same one"),
        (("--against", "tinny"), "tinny: no such run; did you mean 'tiny'?"),
        (("--against", "tiny", "--video", "a.gif"), "--video does not go with --against"),
        (("--sim-to-sim", "--engine", "mjx"), "--engine does not go with --sim-to-sim"),
        (("--sim-to-sim", "--against", "tiny"), "--against does not go with --sim-to-sim"),
    ],
)
def test_what_does_not_fit_is_refused(command, run, arguments, message):
    done = command("eval", "tiny", *arguments)
    assert done.code == 2
    assert message in done.err
