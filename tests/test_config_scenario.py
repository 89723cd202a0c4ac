"""Scenario files: what they may say, and what is said of those that are wrong."""

from copy import deepcopy

import pytest

from wildrobot_cli.config.loader import load
from wildrobot_cli.config.scenario import load_scenarios, scenario_names
from wildrobot_cli.config.schema import Config
from wildrobot_cli.errors import ConfigError


def test_all_is_every_packaged_scenario_flat_first():
    names = [scenario.name for scenario in load_scenarios(("all",))]
    assert names == list(scenario_names())
    assert names[0] == "flat"
    assert {"walk50", "icy", "turning"} <= set(names)


def test_a_scenario_asked_for_twice_is_run_once():
    assert [s.name for s in load_scenarios(("icy", "all", "icy"))].count("icy") == 1


def test_a_file_of_ones_own_builds_on_a_packaged_one(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("base: icy.yaml\ngates: {falls: {max: 3}}\n")
    (mine,), (icy,) = load_scenarios((str(file),)), load_scenarios(("icy",))
    assert mine.name == "mine"
    assert mine.settings.env == icy.settings.env
    assert mine.settings.gates["falls"].max == 3


def test_overrides_do_not_reach_into_a_loaded_scenario():
    """Its pushes are a section that the configuration beneath does not have."""
    (pushes,) = load_scenarios(("pushes",))
    said = deepcopy(pushes.settings.env)
    found = [
        load(Config, "ppo.yaml", overrides, pushes.layer).env.pushes.duration
        for overrides in (("env.pushes.duration=0.5",), ())
    ]
    assert found == [0.5, 0.2]
    assert pushes.settings.env == said


def test_a_gate_of_the_base_can_be_taken_away(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("base: flat.yaml\ngates: {overspeed: null}\n")
    (mine,), (flat,) = load_scenarios((str(file),)), load_scenarios(("flat",))
    assert set(flat.settings.gates) - set(mine.settings.gates) == {"overspeed"}


def test_two_scenarios_of_one_name_are_refused(tmp_path):
    file = tmp_path / "flat.yaml"
    file.write_text("base: icy.yaml\n")
    with pytest.raises(ConfigError, match="two scenarios are called 'flat': flat.yaml and .*flat"):
        load_scenarios(("flat", str(file)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gates: {falls: {}}", "mine.yaml:2: gates.falls: expected one limit, min or max"),
        ("gates: {falls: {min: 1, max: 2}}", "gates.falls: expected one limit, min or max"),
        ("gates: {falls: {most: 2}}", "gates.falls.most: unknown key; valid: max, min"),
        ("gats: {}", "mine.yaml:2: gats: unknown key; did you mean 'gates'?"),
        ("kind: hard", "expected 'task', 'robot', 'ground' or 'disturbance', got 'hard'"),
        ("episodes: 0", "episodes: expected a number of at least 1, got 0"),
        ("margins: {power_w: -1}", "margins.power_w: expected a number of at least 0"),
        ("walk: {distance: 5}", "walk.pace: missing (Which speed"),
        ("walk: {distance: 5, pace: 2, slack: 1}", "walk.pace: expected a number of at most 1"),
        ("walk: {distance: 5, pace: 1, slack: 0.9}", "walk.slack: expected a number of at least"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text, message, tmp_path):
    (tmp_path / "mine.yaml").write_text(f"base: flat.yaml\n{text}\n")
    with pytest.raises(ConfigError) as error:
        load_scenarios((str(tmp_path / "mine.yaml"),))
    assert message in str(error.value)


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(ConfigError, match="^flatt: no such scenario; did you mean 'flat'?"):
        load_scenarios(("flatt",))
