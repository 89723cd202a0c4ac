"""What an evaluation and a comparison look like, from figures made by hand."""

import pytest
from trajectories import LIMITS, fallen, moving, side_by_side

from wildrobot_cli.cli.compare_view import show_comparison
from wildrobot_cli.cli.eval_view import show_evaluation
from wildrobot_cli.config.scenario import GateConfig, scenario_names
from wildrobot_cli.evaluation.compare import Comparison
from wildrobot_cli.evaluation.evaluate import Evaluation
from wildrobot_cli.evaluation.gates import FIGURES, judge
from wildrobot_cli.evaluation.metrics import scenario_metrics
from wildrobot_cli.evaluation.table import figure_rows


@pytest.fixture
def figures():
    """A function: the figures of a scenario in which so many of 100 episodes fell."""
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


def test_every_figure_has_its_place_in_the_table_of_one_scenario(figures):
    read = set()

    class Read(dict):
        def __getitem__(self, name):
            read.add(name)
            return super().__getitem__(name)

    figure_rows(Read(figures(4)))
    told = {"success_rate"}  # by successes and episodes
    assert read == set(figures(4)) - told - {"untrained", "gates", "passed"}


def test_a_failed_gate_is_named_with_what_was_measured_and_expected(show, figures):
    out = show({"flat": figures(0), "icy": figures(6)})
    assert "FAILED: icy: success_rate 0.94, expected at least 0.95" in out
    assert "passed" not in out


def test_what_was_not_trained_is_said(show, figures):
    out = show({"flat": figures(0), "turning": figures(50, untrained=["yaw_rate"])})
    assert "turning: not held to its gates, asks more than the training (yaw_rate)" in out
    assert "passed: 1 gates held" in out


def test_a_comparison_fits_80_columns_and_marks_what_excludes_0(capsys):
    numbers = {"first": 44.6197, "second": -45.3197, "difference": -89.94, "flagged": False}
    found = {name: {**numbers, "ci95": [-90.1, -89.8]} for name in FIGURES}
    found["power_w"] |= {"flagged": True}
    found["flight"] |= {"ci95": [-90.1, 0.1]}
    found["alternation"] |= {"ci95": None}
    names, differences = ("mujoco", "half_step"), {"half_step": {"stop_and_go": found}}
    show_comparison(Comparison(names, (1000, 1000), {"mujoco": {}}, differences, strict=True))
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    rows = {line.split()[0]: line.rstrip() for line in out.splitlines() if line.strip()}
    assert rows["power_w"].endswith(" **")
    assert rows["foot_slip_mps"].endswith(" *")
    assert rows["flight"].endswith("+0.1")
    assert rows["alternation"].endswith(" -")
    assert "FAILED: stop_and_go: power_w on half_step differs by -89.94" in " ".join(out.split())
