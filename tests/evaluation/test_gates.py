"""Planted faults and the gates that must name them."""

from dataclasses import replace

import numpy as np
import pytest
from trajectories import LIMITS, fallen, moving, side_by_side, still

from wildrobot_cli.config.scenario import GateConfig, load_scenarios
from wildrobot_cli.errors import ConfigError
from wildrobot_cli.evaluation.gates import FIGURES, NATURAL, check_figures, figure, judge
from wildrobot_cli.evaluation.metrics import scenario_metrics

WALKING = moving((0.3, 0.0, 0.0), (0.3, 0.0, 0.0))


def gates_of(name):
    (scenario,) = load_scenarios((name,))
    return scenario.settings.gates


def failed(trajectory, gates, distance=None):
    verdicts = judge(scenario_metrics(trajectory, LIMITS, distance), gates)
    return [name for name, verdict in verdicts.items() if not verdict["passed"]]


def joints(torque, speed):
    shape = (501, 1, 2)
    held, moving = np.broadcast_to(torque, shape), np.broadcast_to(speed, shape)
    return replace(WALKING, torque=held, motor_torque=held, joint_vel=moving)


def test_an_easy_walk_passes_every_gate_of_walk50():
    assert failed(joints((1.0, 1.0), (1.0, -1.0)), gates_of("walk50")) == []


@pytest.mark.parametrize(
    ("torque", "speed", "gate"),
    [
        ((3.93, 0.0), (0.0, 0.0), "torque_saturation"),
        ((0.0, 0.0), (6.0, 0.0), "overspeed"),
        ((2.5, 0.0), (3.5, 0.0), "overtorque"),
        ((1.6, 1.6), (0.0, 0.0), "torque_rms_nm.mean"),
        ((2.6, 0.0), (0.0, 0.0), "torque_rms_nm.worst"),
        ((3.9, 1.9), (2.0, 11.6), "power_w"),
    ],
)
def test_each_gate_of_walk50_catches_the_servo_that_it_is_for(torque, speed, gate):
    assert gate in failed(joints(torque, speed), gates_of("walk50"))


@pytest.mark.parametrize("name", [scenario.name for scenario in load_scenarios(("all",))])
def test_no_scenario_passes_a_robot_that_stands_or_walks_in_circles(name):
    asked = (0.3, 0.0, 0.0)
    assert "velocity_error_mps" in failed(moving((0.0, 0.0, 0.0), asked), gates_of(name))
    assert "heading_drift_deg" in failed(moving((0.3, 0.0, 0.2), asked), gates_of(name))


def test_a_walk_of_49_9_m_fails_walk50_and_one_of_50_1_m_does_not():
    (scenario,) = load_scenarios(("walk50",))
    distance = scenario.settings.walk.distance
    gate = {"success_rate": GateConfig(min=0.95)}
    for way, expected in [(49.9, ["success_rate"]), (50.1, [])]:
        steps = 1 + round(way / 0.4 / 0.02)
        walk = moving((0.4, 0.0, 0.0), (0.4, 0.0, 0.0), steps=steps)
        assert failed(walk, gate, distance) == expected


def test_one_fall_in_ten_fails_a_gate_of_95_percent():
    episodes = side_by_side(*[WALKING] * 9, fallen(WALKING, at=200))
    verdict = judge(scenario_metrics(episodes, LIMITS), {"success_rate": GateConfig(min=0.95)})
    assert verdict == {"success_rate": {"measured": 0.9, "min": 0.95, "passed": False}}


def test_a_figure_on_its_limit_passes():
    verdict = judge({"falls": 3}, {"falls": GateConfig(max=3.0)})
    assert verdict["falls"]["passed"]


def test_an_undefined_figure_does_not_pass():
    nobody = still(100, 2)
    assert failed(nobody, {"velocity_error_mps": GateConfig(max=1.0)}) == ["velocity_error_mps"]


def test_figures_are_all_numbers_of_the_metrics():
    metrics = scenario_metrics(WALKING, LIMITS)
    names = [
        f"{key}.{part}" if part else key
        for key, value in metrics.items()
        if key not in ("success_ci95", "fall_causes")
        for part in (value if isinstance(value, dict) else [""])
    ]
    assert sorted(names) == sorted(FIGURES)
    assert figure(metrics, "torque_rms_nm.mean") == metrics["torque_rms_nm"]["mean"]


@pytest.mark.parametrize("section", ["gates", "margins"])
def test_an_unknown_figure_names_its_line_and_the_nearest(section, tmp_path):
    value = {"gates": "{max: 3}", "margins": "3"}[section]
    file = tmp_path / "mine.yaml"
    file.write_text(f"base: flat.yaml\n{section}:\n  power: {value}\n")
    with pytest.raises(ConfigError) as error:
        check_figures(*load_scenarios((str(file),)), has_reference=True)
    expected = f"{file}:3: {section}.power: no such figure; did you mean 'power_w'?"
    assert str(error.value) == expected


def test_style_has_gates_where_the_run_has_a_reference(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("base: flat.yaml\ngates:\n  naturalness.rom_ratio: {min: 0.8}\n")
    (mine,) = load_scenarios((str(file),))
    check_figures(mine, has_reference=True)
    measured = {"naturalness": {"rom_ratio": 0.7}}
    verdict = judge(measured, {"naturalness.rom_ratio": mine.settings.gates[NATURAL[1]]})
    assert verdict == {NATURAL[1]: {"measured": 0.7, "min": 0.8, "passed": False}}
    with pytest.raises(ConfigError) as error:
        check_figures(mine, has_reference=False)
    expected = f"{file}:3: gates.naturalness.rom_ratio: expected a run with a reference motion"
    assert str(error.value) == f"{expected}, this one has none"
