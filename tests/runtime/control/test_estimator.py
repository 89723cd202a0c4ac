"""The estimator sees what the environment sees, and copes with what a bus leaves out."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wildrobot_cli.runtime.control.estimator import Estimator, Sensors
from wildrobot_cli.runtime.golden import read_golden
from wildrobot_cli.runtime.observing.clock import Clock, frequency_at
from wildrobot_cli.runtime.observing.estimation import TURN, advance_phase

LEVEL = np.array([1.0, 0.0, 0.0, 0.0])
COMMAND = np.array([0.2, 0.0, 0.3])


@pytest.fixture
def description(bundle):
    return bundle.description


@pytest.fixture
def places(description):
    return {term.name: slice(term.start, term.stop) for term in description.observation}


def sensors(description, angles, tick, read_at=None, orientation=LEVEL) -> Sensors:
    count = len(description.joints.names)
    read_at = np.full(count, tick) if read_at is None else read_at
    return Sensors(np.zeros(3), orientation, angles, read_at, tick, np.zeros(count, int), tick)


def along(trace, estimator, description):
    """Show an estimator a recorded rollout; give each control step and what it observes."""
    for k, command in enumerate(trace["command"]):
        now = sensors(description, trace["encoders"][k], k, orientation=trace["orientation"][k])
        now = now._replace(gyro=trace["gyro"][k])
        if k == 0:
            estimator.start(now)
            estimator.recall(trace["phase"][0], trace["heading_target"][0])
        yield k, estimator.observe(now, command)
        estimator.acted(trace["action"][k])


def test_each_term_is_the_environments_along_a_rollout(bundle, description, places):
    trace = read_golden(bundle)
    for k, observation in along(trace, Estimator(description), description):
        for name, place in places.items():
            ours, theirs = observation[place], trace["observation"][k][place]
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-6, err_msg=f"{name}, {k}")


def test_history_is_what_the_environment_saw_before(bundle, description, places):
    terms = description.observation
    longer = tuple(
        dataclasses.replace(t, history=2) if t.name in ("gyro", "last_action") else t for t in terms
    )
    estimator = Estimator(dataclasses.replace(description, observation=longer))
    trace = read_golden(bundle)
    for k, observation in along(trace, estimator, description):
        wanted = []
        for term in longer:
            steps = [max(k - back, 0) for back in range(1 + term.history)]
            wanted += [trace["observation"][step][places[term.name]] for step in steps]
        np.testing.assert_allclose(observation, np.concatenate(wanted), rtol=0, atol=2e-6)


def test_a_control_step_without_sensors_is_a_step_of_the_history(description):
    (gyro,) = (t for t in description.observation if t.name == "gyro")
    gyro = dataclasses.replace(gyro, history=2)
    estimator = Estimator(dataclasses.replace(description, observation=(gyro,)))
    home = description.joints.home_position
    estimator.start(sensors(description, home, 0))
    for tick, rate in enumerate([1.0, 2.0, None, 4.0]):
        if rate is None:
            estimator.coast()
            continue
        now = sensors(description, home, tick)._replace(gyro=np.full(3, rate))
        observation = estimator.observe(now, COMMAND)
        estimator.acted(np.zeros(11, np.float32))
    np.testing.assert_array_equal(observation, np.repeat([4.0, 2.0, 2.0], 3))


def test_a_joint_read_every_second_period_keeps_its_speed_between(description, places):
    estimator, home = Estimator(description), description.joints.home_position
    estimator.start(sensors(description, home, 0))
    speed, scale = 1.5, description.parts["joint_velocities"].scale
    read_at, angles, speeds = np.zeros(11, int), home.copy(), []
    for tick in range(1, 9):
        if tick % 2 == 0:  # joint 3 turns all the time, and is read every second period
            read_at[3], angles[3] = tick, home[3] + speed * 0.02 * tick
        now = sensors(description, angles, tick, read_at=read_at.copy())
        observation = estimator.observe(now, COMMAND)
        estimator.acted(np.zeros(11, np.float32))
        speeds.append(observation[places["joint_velocities"]][3] / scale)
    np.testing.assert_allclose(speeds[1:], speed, rtol=1e-4)


def test_clock_and_heading_go_on_through_a_lost_reading(description, places):
    results = []
    for lost in (False, True):
        estimator, home = Estimator(description), description.joints.home_position
        estimator.start(sensors(description, home, 0))
        for tick in range(1, 4):
            if tick == 2 and lost:
                estimator.coast()
                continue
            observation = estimator.observe(sensors(description, home, tick), COMMAND)
            estimator.acted(np.zeros(11, np.float32))
        results.append(observation)
    np.testing.assert_array_equal(*results)
    cosine, sine = results[0][places["phase"]]
    angle = TURN * description.clock.frequencies[0] * 2 * description.control_period
    assert np.arctan2(sine, cosine) == pytest.approx(angle, abs=1e-5)
    assert results[0][places["heading_error"]] == pytest.approx(0.3 * 2 * 0.02, abs=1e-5)


def test_clock_runs_with_the_command_as_in_training(description):
    clock = Clock((0.1, 0.3, 0.5), (0.8, 1.1, 1.25))
    walking = Estimator(dataclasses.replace(description, clock=clock))
    home = description.joints.home_position
    walking.start(sensors(description, home, 0))
    phase = jnp.zeros(())
    step = jax.jit(lambda p, c: advance_phase(p, frequency_at(clock, c, jnp), 0.02))
    for tick in range(1, 400):
        command = np.array([0.1 + 0.001 * tick, 0.0, 0.0], np.float32)
        if tick > 380:
            command = np.zeros(3, np.float32)
        walking.observe(sensors(description, home, tick), command)
        walking.acted(np.zeros(11, np.float32))
        phase = step(phase, command)
        assert walking._memory.phase == pytest.approx(float(phase), abs=5e-6)


def test_heading_is_held_from_where_the_robot_stands(description, places):
    estimator, home = Estimator(description), description.joints.home_position
    turned = np.array([np.cos(0.5), 0.0, 0.0, np.sin(0.5)])
    estimator.start(sensors(description, home, 0, orientation=turned))
    observation = estimator.observe(sensors(description, home, 1, orientation=turned), COMMAND)
    assert observation[places["heading_error"]] == pytest.approx(0.0, abs=1e-6)


def test_observation_before_the_start_is_a_mistake_of_the_program(description):
    with pytest.raises(RuntimeError, match="before Estimator.start"):
        Estimator(description).observe(sensors(description, np.zeros(11), 0), COMMAND)
