"""What is timed is the real thing: it steps, it learns, and its parts add up to the whole."""

import importlib.util
from functools import partial
from types import SimpleNamespace

import jax
import pytest

from wildrobot_cli.bench import breakdown, compiled, learning, raw
from wildrobot_cli.bench.breakdown import Time, TimedEngine, shares
from wildrobot_cli.bench.fleet import Subject, measure, starts
from wildrobot_cli.bench.stopwatch import turns
from wildrobot_cli.config.schema import Config
from wildrobot_cli.env.environment import WildRobotEnv


@pytest.mark.parametrize("physics", [raw.own_physics, raw.reference_physics])
def test_raw_physics_steps(config, physics):
    _, (speed,) = turns(partial(physics, config.env, 16), 1)
    assert speed > 100


def test_the_reference_model_is_the_robot_that_it_was_taken_from(robot):
    """When the robot's model is changed on purpose this fails: delete the test, keep the file."""
    import mujoco

    from wildrobot_cli.config.resources import benchmark_dir

    model = mujoco.MjModel.from_xml_path(str(benchmark_dir() / "reference.xml"))
    own = robot.model
    assert (model.nq, model.nv, model.nu, model.nsensordata) == (
        own.nq,
        own.nv,
        own.nu,
        own.nsensordata,
    )
    assert model.body_mass.sum() == pytest.approx(own.body_mass.sum())


def test_physics_under_measurement_bears_its_robot_on_any_ground():
    overrides = ("env.engine=mujoco", "env.terrain={slope: [0.05, 0.05]}")
    env = WildRobotEnv(Config.from_file("ppo.yaml", overrides).env)
    start = jax.jit(jax.vmap(env.reset))(jax.random.split(jax.random.PRNGKey(0), 2))
    program = compiled.physics_program(env, start.pipeline_state)
    _, physics = jax.jit(program)(jax.random.PRNGKey(1), start.pipeline_state.physics)
    feet = (env.robot.feet.left, env.robot.feet.right)
    switches = [switch for foot in feet for switch in foot.switches]
    assert sum(physics.sensordata[:, switch].sum(axis=-1) for switch in switches).min() > 0


@pytest.mark.long
def test_training_under_measurement_learns_and_leaves_nothing(tiny_config, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    _, (speed,) = turns(partial(learning.ours, tiny_config), 1)
    assert speed > 10
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
@pytest.mark.skipif(not learning.brax_runs_here(), reason="Brax's own trainer needs JAX below 0.10")
def test_brax_trains_under_measurement(tiny_config):
    _, speeds = turns(partial(learning.brax, tiny_config), 2)
    assert min(speeds) > 10


def test_brax_is_told_every_setting_of_the_learner(config):
    told = learning.brax_arguments(config, "mujoco")
    ppo, batch = config.ppo, config.ppo.mujoco
    assert told["num_envs"] == batch.num_envs
    assert told["batch_size"] * told["num_minibatches"] == batch.num_envs
    assert told["episode_length"] == pytest.approx(ppo.episode_length / config.env.control_period)
    assert told["num_updates_per_batch"] == ppo.epochs
    assert told["unroll_length"] == batch.unroll_length
    assert told["seed"] == config.seed
    same = {
        "learning_rate": ppo.learning_rate,
        "discounting": ppo.discount,
        "gae_lambda": ppo.gae_lambda,
        "clipping_epsilon": ppo.clip,
        "entropy_cost": ppo.entropy,
        "vf_loss_coefficient": ppo.value_weight,
        "max_grad_norm": ppo.max_grad_norm,
        "reward_scaling": ppo.reward_scale,
        "normalize_observations": ppo.normalize_observations,
    }
    assert {name: told[name] for name in same} == same


def test_training_without_style_is_the_same_but_for_style():
    styled = Config.from_file("ppo_amp.yaml")
    plain = learning.without_style(styled)
    assert (styled.amp is None, plain.amp) == (False, None)
    assert plain.ppo == styled.ppo
    assert plain.env.rewards == styled.env.rewards
    Config.model_validate(plain.model_dump())


def test_shares_are_what_each_program_adds():
    pieces = {
        "environment": Time(33.0, 6.0),
        "policy": Time(30.0, 8.0),
        "learning": Time(31.0, 18.0),
        "other": Time(32.0, 19.0),
    }
    found = shares(pieces)
    assert found == {
        "physics": 32.0,
        "environment": 6.0,
        "policy": 2.0,
        "learning": 10.0,
        "other": 1.0,
    }
    assert sum(found.values()) == pytest.approx(32.0 + 19.0)


def test_shares_without_a_clock_in_physics_take_physics_alone():
    alone = {"physics": Time(0.0, 30.0), "environment": Time(0.0, 36.0), "policy": Time(0.0, 37.0)}
    found = shares({**alone, "learning": Time(0.0, 47.0), "other": Time(0.0, 48.0)})
    assert found["physics"] == 30.0
    assert found["environment"] == 6.0
    assert sum(found.values()) == pytest.approx(48.0)


def test_acting_keeps_what_the_learner_keeps(monkeypatch):
    """With style an unroll brings more."""
    kept, nothing = [], jax.numpy.zeros(())
    params = SimpleNamespace(policy=None, value=None)
    learner = SimpleNamespace(
        init=lambda _key: SimpleNamespace(env=nothing, normalizer=None, params=params),
        networks=None,
        env=None,
        unroll_length=3,
        extra_fields=("truncation", "style"),
        steps_per_iteration=24,
    )

    def unroll(_env, state, _policy, _key, length, extra_fields):
        kept.append((length, extra_fields))
        return state, nothing

    monkeypatch.setattr(breakdown, "make_inference_fn", lambda _networks: lambda _params: None)
    monkeypatch.setattr(breakdown, "generate_unroll", unroll)
    assert breakdown._acting(learner)() == 24
    assert kept == [(3, ("truncation", "style"))]


def test_the_engine_counts_its_time(config):
    from wildrobot_cli import WildRobotEnv

    env = WildRobotEnv(config.env)
    engine = env.engine = TimedEngine(env)
    jax.block_until_ready(jax.jit(env.reset)(jax.random.PRNGKey(0)))
    assert 0 < engine.seconds < 10


@pytest.mark.long
@pytest.mark.parametrize("name", [pytest.param("ppo.yaml", marks=pytest.mark.slow), "ppo_amp.yaml"])
def test_parts_of_an_iteration_are_measured(
    tiny_overrides, tiny_style_overrides, name, monkeypatch
):
    """With style an iteration has histograms among its metrics."""
    monkeypatch.setattr(breakdown, "TURNS", 3)
    tiny = tiny_overrides if name == "ppo.yaml" else tiny_style_overrides
    found = breakdown.breakdown(Config.from_file(name, tiny))
    assert set(found) == {"physics", "environment", "policy", "learning", "other"}
    assert found["physics"] > 0
    assert sum(found.values()) > found["physics"]


@pytest.mark.slow
def test_a_warm_start_compiles_less_than_a_cold_one(tiny_config):
    cold, warm = starts(tiny_config, lambda _: None)
    assert (cold.cache, warm.cache) == ("cold", "warm")
    assert warm.compile_s < cold.compile_s
    for start in (cold, warm):
        phases = start.import_s, start.build_s, start.compile_s, start.first_iteration_s
        assert start.total_s == pytest.approx(sum(phases), rel=0.2)


@pytest.mark.slow
@pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("gymnasium", "torch"))),
    reason="needs benchmarks/requirements.txt",
)
def test_the_python_vector_environment_trains(tiny_config):
    (row,) = measure([Subject("python_vector", None, 8, tiny_config)], 1, lambda _: None)
    assert row.median > 10
