"""What `wildrobot eval` shows of scenarios and comparisons, and what it refuses."""

import json
import sys
from pathlib import Path

import pytest

from wildrobot_cli.config.scenario import scenario_names

sys.path.insert(0, str(Path(__file__).parents[1] / "evaluation"))


@pytest.fixture
def figures():
    """A function: the figures of a scenario in which so many of 100 episodes fell."""
    from trajectories import LIMITS, fallen, moving, side_by_side

    from wildrobot_cli.config.scenario import GateConfig
    from wildrobot_cli.evaluation.gates import judge
    from wildrobot_cli.evaluation.metrics import scenario_metrics

    walk = moving((0.3, 0.0, 0.0), (0.3, 0.0, 0.0), steps=130)

    def make(falls, untrained=()):
        parts = [walk] * (100 - falls) + [fallen(walk, at=100)] * falls
        metrics = scenario_metrics(side_by_side(*parts), LIMITS)
        wanted = {} if untrained else {"success_rate": GateConfig(min=0.95)}
        gates = judge(metrics, wanted)
        passed = all(gate["passed"] for gate in gates.values())
        return {**metrics, "untrained": list(untrained), "gates": gates, "passed": passed}

    return make


@pytest.fixture
def show(capsys):
    """A function: an evaluation with these figures, as it is printed."""
    from wildrobot_cli.cli.eval_view import show_evaluation
    from wildrobot_cli.evaluation.evaluate import Evaluation

    def call(scenarios):
        show_evaluation(Evaluation("tiny", 1000, scenarios, {}))
        return capsys.readouterr().out

    return call


def test_the_whole_suite_has_one_row_a_scenario_and_fits_80_columns(show, figures):
    names = scenario_names()
    out = show({name: figures(100) for name in names})
    assert max(map(len, out.splitlines())) <= 80
    assert "…" not in out
    for name in names:
        rows = [line for line in out.splitlines() if line.strip().startswith(f"{name} ")]
        assert len(rows) == 1
        assert "0/100" in rows[0]
        assert "100 fall 2.0 s" in rows[0]
        assert rows[0].strip().endswith("FAIL")


def test_one_scenario_has_all_its_figures(show, figures):
    out = show({"flat": figures(4)})
    assert "96 of 100" in out
    assert "4 fall 2.0 s" in out
    assert "velocity error [m/s]" in out
    assert out.strip().endswith("passed: 1 gates held")


def test_a_failed_gate_is_named_with_what_was_measured_and_expected(show, figures):
    out = show({"flat": figures(0), "icy": figures(6)})
    assert "FAILED: icy: success_rate 0.94, expected at least 0.95" in out
    assert "passed" not in out


def test_what_was_not_trained_is_said(show, figures):
    out = show({"flat": figures(0), "turning": figures(50, untrained=["yaw_rate"])})
    assert "turning: not held to its gates, asks more than the training (yaw_rate)" in out
    assert "passed: 1 gates held" in out


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


def test_two_runs_side_by_side(command, run, tmp_path):
    import shutil

    shutil.copytree("tiny", "other")
    command("eval", "tiny", "--against", "other", "--json", "results.json")
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
