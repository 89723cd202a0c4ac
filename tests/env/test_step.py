"""One control step as a decision process: action, reward, termination, command, observation.

On an engine without physics, so that each test says what the robot does.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from puppet import put, read, tilt, turn

from wildrobot_cli.env import rewards
from wildrobot_cli.runtime.observing.observations import quantize

IDLE = jnp.zeros(11)
TURN = 2 * np.pi


def same_policy_obs(a, b):
    np.testing.assert_array_equal(a.obs["state"], b.obs["state"])


# --- action


def test_targets_are_the_action_around_home(puppet, start, robot):
    action = jnp.linspace(-0.2, 0.2, 11)
    after = puppet.step(start, action).pipeline_state
    expected = robot.home_ctrl + 0.5 * np.asarray(action)
    np.testing.assert_allclose(after.physics.qpos[robot.qpos_ids], expected, atol=1e-6)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_action_is_clipped(puppet, start, sign):
    wild, full = puppet.step(start, sign * jnp.full(11, 7.0)), puppet.step(start, sign + IDLE)
    jax.tree.map(np.testing.assert_array_equal, wild, full)
    np.testing.assert_array_equal(read(puppet.env, wild.obs, "last_action"), sign)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_targets_stay_within_the_joint_limits(puppet, start, robot, sign):
    targets = puppet.step(start, sign + IDLE).pipeline_state.physics.qpos[robot.qpos_ids]
    assert (targets >= np.float32(robot.lower)).all()
    assert (targets <= np.float32(robot.upper)).all()
    limits = np.where(sign > 0, robot.upper, robot.lower)
    assert np.sum(np.abs(targets - limits) < 1e-6) >= 1


def test_last_actions_are_carried(puppet, start):
    first, second = jnp.full(11, 0.1), jnp.full(11, -0.3)
    state = puppet.step(puppet.step(start, first), second)
    np.testing.assert_array_equal(read(puppet.env, state.obs, "last_action"), second)
    np.testing.assert_array_equal(state.pipeline_state.last_action, first)
    weight = puppet.env.config.rewards["action_rate_l2"].weight * 0.02
    assert state.metrics["reward/action_rate_l2"] == pytest.approx(weight * 11 * 0.16, rel=1e-5)


# --- reward


def lively(start):
    """A state in which no term is trivial."""
    return put(
        start,
        qpos=lambda q: q.at[3:7].set(jnp.asarray(tilt(0.1))),
        qvel=np.linspace(-0.3, 0.4, 17),
        sensordata=lambda s: s + 0.01,
        actuator_force=np.linspace(-2, 1, 11),
        schedule=[[0.3, 0.1, 0.2]] * 2,
        command=[0.3, 0.1, 0.2],
        heading_target=0.1,
    )


def test_reward_is_the_weighted_sum_of_the_terms_times_the_control_period(puppet, start):
    state = puppet.step(lively(start), jnp.linspace(-0.1, 0.1, 11))
    context = puppet.env.context(state.pipeline_state)
    total = 0.0
    for name, term in puppet.env.config.rewards.items():
        value = term.weight * float(rewards.TERMS[name](context, **term.parameters)) * 0.02
        assert state.metrics[f"reward/{name}"] == pytest.approx(value, rel=1e-5), name
        assert abs(value) > 1e-9, name
        total += value
    assert total > 0
    assert state.reward == pytest.approx(total, rel=1e-5)


def test_reward_is_floored_at_zero(puppet, start):
    state = puppet.step(put(start, actuator_force=40.0), IDLE)
    assert sum(v for k, v in state.metrics.items() if k.startswith("reward/")) < -0.3
    assert (state.reward, state.done) == (0.0, 0.0)


def test_fall_costs_its_penalty_below_the_floor(puppet, start):
    standing = puppet.step(put(start, qpos=lambda q: q.at[2].set(0.31)), IDLE)
    fallen = puppet.step(put(start, qpos=lambda q: q.at[2].set(0.29)), IDLE)
    assert fallen.reward == pytest.approx(float(standing.reward) - 0.2, abs=1e-6)
    strained = put(start, qpos=lambda q: q.at[2].set(0.29), actuator_force=40.0)
    assert puppet.step(strained, IDLE).reward == pytest.approx(-0.2)


def test_reward_is_for_the_command_in_force_during_the_step(puppet, start):
    about_to_change = put(
        start, time=9.98, schedule=[[0.4, 0, 0], [0, 0, 0]], command=[0.4, 0, 0], qvel=0.0
    )
    state = puppet.step(about_to_change, IDLE)
    assert state.metrics["velocity_error"] == pytest.approx(0.4)
    np.testing.assert_array_equal(read(puppet.env, state.obs, "command"), 0.0)
    assert puppet.step(state, IDLE).metrics["velocity_error"] == 0.0


def test_torque_is_what_damping_leaves_of_the_servos(puppet, start, robot):
    speeds = lambda v: v.at[robot.qvel_ids].set(2.0)  # noqa: E731
    state = puppet.step(put(start, actuator_force=3.0, qvel=speeds), IDLE)
    torque = 3.0 - 2.0 * robot.damping
    assert state.metrics["reward/torque_l2"] == pytest.approx(
        -0.002 * 0.02 * np.sum(torque**2), rel=1e-5
    )


# --- termination


@pytest.mark.parametrize(("height", "fell"), [(0.47, 0), (0.301, 0), (0.299, 1)])
def test_low_root_is_a_fall(puppet, start, height, fell):
    state = puppet.step(put(start, qpos=lambda q: q.at[2].set(height)), IDLE)
    assert (state.done, state.metrics["fall"]) == (fell, fell)


@pytest.mark.parametrize(("angle", "fell"), [(0.0, 0), (0.79, 0), (0.81, 1), (-0.81, 1), (3.1, 1)])
def test_tilted_root_is_a_fall(puppet, start, angle, fell):
    state = puppet.step(put(start, qpos=lambda q: q.at[3:7].set(jnp.asarray(tilt(angle)))), IDLE)
    assert (state.done, state.metrics["fall"]) == (fell, fell)


def test_failed_simulation_ends_the_episode_and_everything_stays_finite(puppet, start):
    state = puppet.step(put(start, ok=False), jnp.full(11, 0.3))
    assert state.done == 1
    assert state.reward <= 0
    for leaf in jax.tree.leaves(state):
        assert np.isfinite(leaf).all()
    np.testing.assert_array_equal(
        state.pipeline_state.physics.qpos, start.pipeline_state.physics.qpos
    )
    assert not state.pipeline_state.physics.ok
    assert puppet.step(state, IDLE).done == 1


# --- command, heading, phase


def test_command_is_held_and_then_switched(puppet, start):
    schedule = [[0.1, 0.0, 0.0], [0.2, 0.1, 0.3]]
    state = put(start, schedule=schedule, command=schedule[0])

    def body(state, _):
        state = puppet.step(state, IDLE)
        return state, state.obs["state"]

    _, obs = jax.lax.scan(body, state, None, length=1000)
    command = read(puppet.env, {"state": obs}, "command")
    np.testing.assert_array_equal(command[:499], np.tile(np.float32(schedule[0]), (499, 1)))
    np.testing.assert_array_equal(command[499:], np.tile(np.float32(schedule[1]), (501, 1)))


def test_heading_target_integrates_the_commanded_turning_rate(puppet, start):
    state = put(start, schedule=[[0, 0, 0.5]] * 2, command=[0, 0, 0.5], heading_target=0.0)
    for steps in range(1, 4):
        state = puppet.step(state, IDLE)
        assert state.pipeline_state.heading_target == pytest.approx(0.01 * steps)
        assert read(puppet.env, state.obs, "heading_error") == pytest.approx(0.01 * steps, abs=1e-6)


def test_true_heading_error_is_rewarded_across_the_half_turn(puppet, start):
    state = put(
        start,
        qpos=lambda q: q.at[3:7].set(jnp.asarray(turn(3.1))),
        heading_target=-3.1,
        schedule=[[0, 0, 0]] * 2,
        command=[0, 0, 0],
    )
    error = TURN - 6.2
    expected = 0.5 * 0.02 * np.exp(-(error**2) / 0.2**2)
    assert puppet.step(state, IDLE).metrics["reward/track_heading"] == pytest.approx(expected, 1e-4)


def test_phase_advances_and_the_right_foot_is_half_a_cycle_behind(puppet, start):
    state = puppet.step(put(start, phase=6.2), IDLE)
    phase = 6.2 + TURN * 1.6 * 0.02 - TURN
    assert state.pipeline_state.phase == pytest.approx(phase, abs=1e-5)
    np.testing.assert_allclose(
        read(puppet.env, state.obs, "phase"), [np.cos(phase), np.sin(phase)], atol=1e-5
    )
    swing = puppet.env.context(state.pipeline_state).foot_swing
    np.testing.assert_allclose(swing, [phase / TURN, phase / TURN + 0.5], atol=1e-5)


# --- observation


def test_joint_readings_are_quantised_encoders(puppet, start, robot):
    resolution = robot.servo.encoder_resolution
    before = puppet.step(start, jnp.linspace(-0.1, 0.1, 11))
    after = puppet.step(before, jnp.linspace(-0.11, 0.13, 11))
    angles = [
        quantize(np.asarray(s.pipeline_state.physics.qpos, float)[robot.qpos_ids], resolution, np)
        for s in (before, after)
    ]
    home = robot.home_qpos[robot.qpos_ids]
    np.testing.assert_allclose(
        read(puppet.env, after.obs, "joint_positions"), angles[1] - home, atol=1e-6
    )
    speeds = read(puppet.env, after.obs, "joint_velocities") / 0.1
    np.testing.assert_allclose(speeds, (angles[1] - angles[0]) / 0.02, atol=1e-4)
    counts = speeds * 0.02 / resolution
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-3)


def test_turn_of_the_waist_is_no_change_of_heading(puppet, start, robot):
    imu = lambda s: s.at[robot.imu.orientation].set(jnp.asarray(turn(0.5)))  # noqa: E731
    state = puppet.step(put(start, sensordata=imu, heading_target=0.0), IDLE.at[0].set(0.6))
    assert state.pipeline_state.physics.qpos[robot.qpos_ids[0]] == pytest.approx(0.3)
    assert read(puppet.env, state.obs, "heading_error") == pytest.approx(0.3 - 0.5, abs=0.003)


def test_imu_readings_are_in_its_own_frame(puppet, start, robot):
    def lean(sensors):
        sensors = sensors.at[robot.imu.orientation].set(jnp.asarray(tilt(0.3)))
        return sensors.at[robot.imu.gyro].set(jnp.asarray([0.1, 0.2, 0.3]))

    state = puppet.step(put(start, sensordata=lean), IDLE)
    np.testing.assert_allclose(
        read(puppet.env, state.obs, "up_vector"), [0, np.sin(0.3), np.cos(0.3)], atol=1e-6
    )
    np.testing.assert_allclose(read(puppet.env, state.obs, "gyro"), [0.1, 0.2, 0.3], atol=1e-6)


def test_policy_sees_nothing_that_its_sensors_do_not_give(puppet, start, robot):
    hidden = [
        {"qpos": lambda q: q.at[:3].add(jnp.asarray([3.0, -2.0, 0.1]))},
        {"qpos": lambda q: q.at[3:7].set(jnp.asarray(tilt(0.2)))},
        {"qvel": np.linspace(-1, 1, 17)},
        {"actuator_force": 2.0},
        {"qacc_warmstart": 5.0},
        {"sensordata": lambda s: s.at[robot.imu.accelerometer].add(1.0)},
    ]
    for foot in (robot.feet.left, robot.feet.right):
        for place in (foot.position, foot.velocity, foot.up, *foot.switches):
            hidden.append({"sensordata": lambda s, place=place: s.at[place].add(0.1)})
    plain = puppet.step(start, IDLE)
    for fields in hidden:
        same_policy_obs(puppet.step(put(start, **fields), IDLE), plain)


def test_value_function_sees_the_policys_observation_and_the_privileged_terms(puppet, start, robot):
    def truth(sensors):
        for foot, height, force in zip(
            (robot.feet.left, robot.feet.right), (0.01, 0.03), (5.0, 10.0), strict=True
        ):
            sensors = sensors.at[foot.position].set(height)
            for switch in foot.switches:
                sensors = sensors.at[switch].set(force)
        return sensors

    turned = put(
        start,
        qpos=lambda q: q.at[2:7].set(jnp.asarray([0.45, *turn(np.pi / 2)])),
        qvel=lambda v: v.at[:3].set(jnp.asarray([-0.2, 0.3, 0.1])),
        sensordata=truth,
    )
    obs = puppet.step(turned, IDLE).obs
    size = obs["state"].size
    np.testing.assert_array_equal(obs["privileged_state"][:size], obs["state"])
    loads = np.array([10.0, 20.0]) / robot.weight
    np.testing.assert_allclose(
        obs["privileged_state"][size:], [0.3, 0.2, 0.1, 0.45, 0.1, 0.3, *loads], atol=1e-6
    )
