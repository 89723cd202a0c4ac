"""Scenarios over a run: each changes what it says, and faults in it are found."""

import json
import shutil

import jax
import numpy as np
import pytest

from wildrobot_cli.config.environment import CommandConfig, EnvConfig
from wildrobot_cli.config.loader import dump, load
from wildrobot_cli.config.scenario import load_scenarios, scenario_names
from wildrobot_cli.config.schema import Config
from wildrobot_cli.env import ground
from wildrobot_cli.env.environment import WildRobotEnv
from wildrobot_cli.errors import ConfigError
from wildrobot_cli.evaluation import compare, evaluate, measuring
from wildrobot_cli.evaluation.measuring import Subject, measure, untrained
from wildrobot_cli.evaluation.rollout import _advance
from wildrobot_cli.evaluation.suite import choose
from wildrobot_cli.physics import factory

STANDING = ("env.commands.forward=[0, 0]",)
FALLING = ("env.terminations.tilted.limit=0.0001",)  # the robot is never that upright


@pytest.fixture
def resolved(run):
    """A function: scenario and overrides to the configuration that the tiny run gets."""

    def resolve(name, *overrides):
        (scenario,) = load_scenarios((name,))
        return Subject(run, overrides=overrides).config(scenario)

    return resolve


EXPECTED = {
    "slippery": ("env.randomization.friction", (0.5 / 0.8, 0.5 / 0.8)),
    "icy": ("env.randomization.friction", (0.3 / 0.8, 0.3 / 0.8)),
    "weak": ("env.randomization.torque_limit", (0.8, 0.8)),
    "turning": ("env.commands.yaw_rate", (-0.5, 0.5)),
    "lateral": ("env.commands.lateral", (-0.15, 0.15)),
    "tracking": ("env.commands.forward", (0.2, 0.5)),
    "stop_and_go": ("env.commands.zero_probability", 0.5),
    "flat": ("env.commands.hold", 3600.0),
    "walk50": ("env.commands.forward", (0.3, 0.3)),
    "ramps": ("env.commands.ramp", 2.0),
    "payload": ("env.randomization.chassis_mass", (1.3, 1.3)),
    "noise": ("env.sensors.scale", 3.0),
    "latency40": ("env.delays.latency", (0.04, 0.04)),
    "latency60": ("env.delays.latency", (0.06, 0.06)),
    "pushes": ("env.pushes.force", (10.0, 10.0)),
    "shoves": ("env.pushes.force", (15.0, 20.0)),
    "dropout": ("env.dropout.duration", 0.5),
    "uneven": ("env.terrain.bumps.height", (0.04, 0.04)),
    "slope": ("env.terrain.slope", (np.radians(5), np.radians(5))),
    "worst": ("env.delays.latency", (0.02, 0.02)),
}
"""A key that each scenario sets, and its value."""


@pytest.mark.parametrize("name", scenario_names())
def test_each_scenario_goes_with_a_run_and_changes_what_it_says(name, resolved):
    key, value = EXPECTED[name]
    config = resolved(name)
    for part in key.split("."):
        config = getattr(config, part)
    assert config == (pytest.approx(value, rel=1e-3) if isinstance(value, tuple) else value)


def test_a_scenario_undoes_what_training_added(run, resolved):
    plain = resolved("flat").env
    run.config_file.write_text(dump(Config.from_file(run.config_file, DISTURBED)))
    assert run.config.env.terrain.bumps.height == (0.0, 0.02)
    assert resolved("flat").env == plain
    assert resolved("slope").env.terrain.bumps is None


DISTURBED = (
    "env.randomization={friction: [0.5, 1.5], mass: [0.9, 1.1], com: 0.01}",
    "env.commands.ramp=0.5",
    "env.commands.zero_probability=0.1",
    "env.sensors.gyro_bias=0.1",
    "env.delays.latency=[0.0, 0.04]",
    "env.pushes={force: [0, 15], duration: 0.2, interval: [2, 4]}",
    "env.dropout={duration: 0.2, interval: [2, 4]}",
    "env.terrain={slope: [0, 0.1], bumps: {height: [0, 0.02], wavelength: [0.2, 1]}}",
)


@pytest.mark.parametrize("section", ["randomization", "delays", "sensors"])
def test_the_nominal_world_leaves_nothing_to_training(section):
    (flat,) = load_scenarios(("flat",))
    model, said = EnvConfig.model_fields[section].annotation, flat.settings.env[section]
    own = {"half_read"} if section == "sensors" else set()  # what the policy was made for
    assert set(said) == set(model.model_fields) - own
    defaults = {name: field.default for name, field in model.model_fields.items()}
    assert {k: v for k, v in said.items() if v != defaults[k]}.keys() <= {
        "gyro_noise",
        "tilt_noise",
    }


def test_what_the_user_sets_is_stronger_than_the_scenario(resolved):
    config = resolved("icy", "env.randomization.friction=[0.9, 0.9]", "seed=7")
    assert config.env.randomization.friction == (0.9, 0.9)
    assert config.seed == 7


def test_walk50_takes_a_speed_of_the_runs_own_range_and_the_time_for_it(resolved):
    config = resolved("walk50", "env.commands.forward=[0.2, 0.4]")
    assert config.env.commands.forward == pytest.approx((0.3, 0.3))
    assert config.env.episode_length == pytest.approx(50 / 0.3 * 1.1)
    config = resolved("walk50", "env.commands.forward=[-0.4, 0.2]")
    assert config.env.commands.forward == pytest.approx((0.1, 0.1))
    assert config.env.episode_length == pytest.approx(50 / 0.1 * 1.1)
    for overrides in (STANDING, ("env.commands.forward=[-0.4, -0.2]",)):
        with pytest.raises(ConfigError, match="scenario 'walk50': a walk of 50 m needs a forward"):
            resolved("walk50", *overrides)


def test_a_walks_time_and_other_commands_stay_the_users(resolved):
    overrides = ("env.episode_length=60", "env.commands.hold=5")
    config = resolved("walk50", *overrides)
    assert (config.env.episode_length, config.env.commands.hold) == (60.0, 5.0)
    assert config.env.commands.forward == pytest.approx((0.3, 0.3))


def test_an_unfit_change_names_the_scenarios_line(resolved, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("base: flat.yaml\nenv:\n  commands:\n    forwards: [0, 1]\n")
    with pytest.raises(ConfigError) as error:
        resolved(str(file))
    expected = f"{file}:4: env.commands.forwards: unknown key; did you mean 'forward'?"
    assert str(error.value) == expected


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("observations", "{gyro: {history: 2}}"),
        ("privileged", "{latency: {}}"),
        ("action_scale", "0.4"),
        ("control_period", "0.04"),
    ],
)
def test_what_a_policy_was_made_for_no_scenario_can_change(resolved, tmp_path, key, value):
    file = tmp_path / "mine.yaml"
    file.write_text(f"base: flat.yaml\nenv:\n  {key}: {value}\n")
    with pytest.raises(ConfigError) as error:
        resolved(str(file))
    assert str(error.value).startswith(f"{file}:3: env.{key}: a scenario cannot change it")


def test_a_section_that_its_base_turned_off_takes_nothing_from_the_training(run, tmp_path):
    """The packaged scenarios say `pushes: null`; the run has been pushed."""
    file = tmp_path / "mine.yaml"
    file.write_text("base: flat.yaml\nenv:\n  pushes: {force: [10, 20]}\n")
    own = "env.pushes={force: [1, 2], duration: 0.1, interval: [0.5, 2.0]}"
    config = load(Config, run.config_file, (own,))
    run.config_file.write_text(dump(config))
    (mine,) = load_scenarios((str(file),))
    with pytest.raises(ConfigError, match=r"env\.pushes\.duration: missing"):
        Subject(run).config(mine)


COMMANDS = {"hold": 10.0, "zero_probability": 0.0}


@pytest.mark.parametrize(
    ("own", "asked", "expected"),
    [
        ({}, {}, ()),
        ({}, {"forward": (0.2, 0.3)}, ()),
        ({}, {"forward": (0.0, 0.3)}, ("forward",)),
        ({}, {"yaw_rate": (-0.5, 0.5), "lateral": (0.0, 0.1)}, ("lateral", "yaw_rate")),
        ({}, {"zero_probability": 0.5}, ("zero",)),
        ({"zero_probability": 0.1}, {"zero_probability": 0.5}, ()),
        ({"forward": (-0.1, 0.5)}, {"zero_probability": 0.5}, ()),
    ],
)
def test_commands_beyond_the_training_are_named(own, asked, expected):
    usual = {"forward": (0.1, 0.5), "lateral": (0.0, 0.0), "yaw_rate": (0.0, 0.0), **COMMANDS}
    assert untrained(CommandConfig(**usual | own), CommandConfig(**usual | asked)) == expected


def test_a_fall_has_its_cause_and_its_time_and_ends_the_rollout(run):
    (flat,) = load_scenarios(("flat",))
    measured = measure(Subject(run, overrides=FALLING), flat)
    assert measured.figures["fall_causes"] == {"tilted": pytest.approx([0.02, 0.02])}
    assert measured.figures["gates"]["success_rate"]["passed"] is False
    assert not measured.figures["passed"]


def test_a_broken_simulation_is_a_cause(run, monkeypatch):
    act = WildRobotEnv.act

    def broken(self, episode, action):
        after = act(self, episode, action)
        ok = after.physics.ok & (after.physics.time < 0.09)
        return after.replace(physics=after.physics.replace(ok=ok))

    monkeypatch.setattr(WildRobotEnv, "act", broken)
    (flat,) = load_scenarios(("flat",))
    falls = measure(Subject(run), flat).figures["fall_causes"]
    assert falls == {"simulation": pytest.approx([0.1, 0.1])}


def test_a_scenario_beyond_the_training_is_shown_and_not_held(run):
    done = evaluate.evaluate(run, ("turning",), overrides=FALLING)
    assert done.scenarios["turning"]["untrained"] == ["yaw_rate"]
    assert done.scenarios["turning"]["success_rate"] == 0.0
    assert done.scenarios["turning"]["gates"] == {}
    assert done.passed


def test_a_file_of_ones_own_is_held_to_its_gates_whatever_it_asks(run, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("base: turning.yaml\n")
    done = evaluate.evaluate(run, (str(file),), overrides=FALLING)
    assert done.scenarios["mine"]["untrained"] == ["yaw_rate"]
    assert done.scenarios["mine"]["gates"]["success_rate"]["passed"] is False
    assert not done.passed


def test_the_first_scenario_is_kept_whole_and_of_the_others_some_episodes(run, monkeypatch):
    monkeypatch.setattr(evaluate, "KEPT", 1)
    done = evaluate.evaluate(run, ("flat", "turning"), overrides=FALLING)
    assert [t.episodes for t in done.trajectories.values()] == [2, 1]


def test_all_scenarios_are_checked_before_the_first_is_run(run, tmp_path, monkeypatch):
    (tmp_path / "bad.yaml").write_text("base: flat.yaml\ngates: {power: {max: 1}}\n")
    monkeypatch.setattr(measuring, "rollout", None)
    with pytest.raises(ConfigError, match="gates.power: no such figure"):
        evaluate.evaluate(run, ("flat", str(tmp_path / "bad.yaml")))


def test_an_environment_that_cannot_be_built_is_found_before_the_first_is_run(run, monkeypatch):
    def without_floor(*_):
        raise ConfigError("env.terrain: robot 'wildrobot' has 0 planes in its world")

    monkeypatch.setattr(ground, "in_pieces", without_floor)
    monkeypatch.setattr(measuring, "rollout", None)
    with pytest.raises(ConfigError, match="has 0 planes"):
        evaluate.evaluate(run, ("flat", "uneven"))


def test_of_all_scenarios_a_run_that_walks_nowhere_is_not_asked_to_walk(run):
    check = Subject(run, overrides=STANDING).check
    chosen, missing = choose(("all",), check)
    assert [s.name for s in chosen] == [name for name in scenario_names() if name != "walk50"]
    assert list(missing) == ["walk50"]
    assert missing["walk50"].startswith("left out: a walk of 50 m needs a forward speed above 0")
    with pytest.raises(ConfigError, match="scenario 'walk50': a walk of 50 m"):
        choose(("all", "walk50"), check)


@pytest.mark.parametrize("name", ["turning", "walk50"])
def test_scenarios_that_differ_in_what_resets_draw_share_one_program(run, name):
    def program(scenario):
        env = WildRobotEnv(Subject(run).config(scenario).env)
        keys = jax.random.split(jax.random.PRNGKey(0), 2)
        start = jax.eval_shape(jax.vmap(env.reset), keys)
        return jax.jit(_advance(env, 10)).lower(policy, start).as_text()

    policy = Subject(run).policy
    flat, other = (program(scenario) for scenario in load_scenarios(("flat", name)))
    assert flat == other


def test_a_policy_keeps_its_networks_on_another_engine(run):
    (flat,) = load_scenarios(("flat",))
    own, other = Subject(run), Subject(run, overrides=("env.engine=mjx",))
    assert other.config(flat).env.engine == "mjx"
    shapes = [[leaf.shape for leaf in jax.tree.leaves(s.policy.tree)] for s in (own, other)]
    assert shapes[0] == shapes[1]


@pytest.mark.long
def test_a_planted_gravity_is_flagged_and_a_finer_step_is_not(run, monkeypatch):
    (flat,) = load_scenarios(("flat",))
    without_mjx = {k: v for k, v in compare.simulations(5).items() if k != "mjx"}
    monkeypatch.setattr(compare, "simulations", lambda _substeps: without_mjx)
    assert compare.sim_to_sim(run, episodes=4).flagged() == []

    honest = factory.engine_model

    def heavier(robot, config, settings):
        model = honest(robot, config, settings)
        model.opt.gravity[2] *= 1.0 if config.substeps == 5 else 1.5
        return model

    monkeypatch.setattr(factory, "engine_model", heavier)
    found = compare.sim_to_sim(run, episodes=4)
    assert ("half_step", "flat", "power_w") in found.flagged()


def test_simulations_agree_on_a_policy_that_falls_and_it_does_not_pass(run, monkeypatch):
    only = {"mujoco": (), "again": ()}
    monkeypatch.setattr(compare, "simulations", lambda _substeps: only)
    found = compare.sim_to_sim(run, overrides=FALLING)
    assert found.flagged() == [] and not found.passed
    monkeypatch.setattr(measuring, "judge", lambda *_: {})
    assert compare.sim_to_sim(run, overrides=FALLING).passed


def test_a_comparison_that_is_ended_keeps_the_scenarios_that_all_were_measured_on(run, monkeypatch):
    honest, kept = compare.measure, []

    def ending(subject, scenario, on_progress, task=()):
        if scenario.name == "turning" and task:
            raise KeyboardInterrupt
        return honest(subject, scenario, on_progress, task)

    monkeypatch.setattr(compare, "measure", ending)
    monkeypatch.setattr(compare, "simulations", lambda _substeps: {"mujoco": (), "again": ()})
    with pytest.raises(KeyboardInterrupt):
        compare.sim_to_sim(run, ("flat", "turning"), overrides=FALLING, on_scenario=kept.append)
    (found,) = kept
    assert [list(figures) for figures in found.figures.values()] == [["flat"], ["flat"]]
    assert found.missing == {"turning": "not measured"} and not found.passed


@pytest.mark.slow
def test_mjx_and_mujoco_agree_on_a_policy(run):
    found = compare.sim_to_sim(run, episodes=4)
    assert found.flagged() == []
    assert list(found.differences) == ["mjx", "half_step"]


def test_two_runs_are_asked_the_same(run, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(run.path, other)
    text = (other / "config.yaml").read_text().replace("forward: [0.1, 0.5]", "forward: [0.1, 0.2]")
    (other / "config.yaml").write_text(text.replace("episodes: 2", "episodes: 3"))
    its_own = load(Config, other / "config.yaml")
    assert its_own.env.commands.forward == (0.1, 0.2)
    assert its_own.eval.episodes == 3
    found = compare.compare_runs(run, other)
    assert found.names == ("tiny", "other")
    assert found.differences["other"]["flat"]["power_w"]["difference"] == 0.0
    assert found.figures["other"]["flat"]["untrained"] == ["forward"]
    assert found.figures["other"]["flat"]["episodes"] == 2
    json.dumps(found.differences, allow_nan=False)


def test_a_run_against_itself_is_refused(run):
    with pytest.raises(ConfigError, match="expected another run, this is the same one"):
        compare.compare_runs(run, run)
