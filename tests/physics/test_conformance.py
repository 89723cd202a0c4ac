"""What every physics engine promises (`physics.protocol.Engine`), with MuJoCo as the reference.

The engines are listed in `engines.py`.
"""

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from simulations import CONTROL_PERIOD, Reference, difference, rows

pytestmark = pytest.mark.usefixtures("double_precision")


@pytest.fixture
def references(robot, model, cases) -> list[Reference]:
    """The cases on plain MuJoCo, started."""
    starts = zip(*cases.start, strict=True)
    return [Reference(model, robot.root_body).init(*start) for start in starts]


# --- starting


def test_init_returns_the_given_state_at_time_zero(rig, cases):
    np.testing.assert_allclose(rig.started.qpos, cases.qpos, rtol=0, atol=rig.tolerance)
    np.testing.assert_allclose(rig.started.qvel, cases.qvel, rtol=0, atol=rig.tolerance)
    np.testing.assert_array_equal(rig.started.time, 0.0)
    assert rig.started.ok.all()


def test_init_computes_all_sensors_of_the_given_state(rig, references):
    for index, reference in enumerate(references):
        assert reference.error(rig.started, index) <= rig.tolerance, index


def test_sole_sensors_are_forward_kinematics(rig, robot, model, cases):
    data = mujoco.MjData(model)
    for index, qpos in enumerate(cases.qpos):
        data.qpos[:] = qpos
        mujoco.mj_kinematics(model, data)
        for side, foot in (("left", robot.feet.left), ("right", robot.feet.right)):
            site, sensors = data.site(f"{side}_sole"), rig.started.sensordata[index]
            np.testing.assert_allclose(sensors[foot.position], site.xpos, atol=1e-12)
            np.testing.assert_allclose(sensors[foot.up], site.xmat.reshape(3, 3)[:, 2], atol=1e-12)


# --- stepping


def test_step_is_the_substeps_of_mj_step(rig, references, cases):
    plain, state = references, rig.started
    for _ in range(4):
        state = rig.step({}, state, cases.ctrl, cases.wrench)
        for reference, ctrl, wrench in zip(plain, cases.ctrl, cases.wrench, strict=True):
            reference.step(ctrl, wrench)
    assert state.ok.all()
    for index, reference in enumerate(plain):
        assert reference.error(state, index) <= rig.tolerance, index


def test_warm_start_is_the_references(rig, references, cases):
    for index, reference in enumerate(references):
        reference.step(cases.ctrl[index], cases.wrench[index])
        np.testing.assert_allclose(
            rig.stepped.qacc_warmstart[index],
            reference.data.qacc_warmstart,
            rtol=1e3 * rig.tolerance,
            atol=1e3 * rig.tolerance,
        )


def test_time_advances_by_the_control_period(rig, cases):
    state = rig.started
    for steps in range(1, 4):
        state = rig.step({}, state, cases.ctrl, cases.wrench)
        np.testing.assert_allclose(state.time, steps * CONTROL_PERIOD, rtol=1e-14)


@pytest.mark.parametrize("axis", range(6), ids=["x", "y", "z", "about x", "about y", "about z"])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_wrench_moves_the_root_in_its_direction(rig, cases, axis, sign):
    wrench = cases.wrench * 0
    wrench[:, axis] = sign * 5.0
    pushed = rig.step({}, rig.started, cases.ctrl, wrench)
    still = rig.step({}, rig.started, cases.ctrl, cases.wrench * 0)
    change = sign * (pushed.qvel - still.qvel)[:, axis]
    assert change[0] > 1e-3, "standing"
    assert change[2] > 2e-2, "in the air"


def test_wrench_lasts_one_step(rig, cases):
    rig.step({}, rig.started, cases.ctrl, cases.wrench + 7.0)
    assert difference(rig.step({}, rig.started, cases.ctrl, cases.wrench), rig.stepped) == 0


def test_targets_move_their_own_joints(rig, robot, cases):
    for joint in range(len(robot.joint_names)):
        ctrl = cases.ctrl.copy()
        ctrl[0, joint] += 0.1
        moved = rig.step({}, rig.started, ctrl, cases.wrench)
        force = (moved.actuator_force - rig.stepped.actuator_force)[0]
        speed = (moved.qvel - rig.stepped.qvel)[0, robot.qvel_ids]
        assert np.argmax(np.abs(force)) == joint
        assert force[joint] > 1.0
        assert speed[joint] > 0


# --- batches and purity


def test_batch_equals_its_members_stepped_alone(compiling_rig, cases):
    alone = jax.jit(compiling_rig.engine.step)
    for index in range(len(cases.qpos)):
        state = alone(
            {}, rows(compiling_rig.started, index), cases.ctrl[index], cases.wrench[index]
        )
        assert difference(state, rows(compiling_rig.stepped, index)) <= compiling_rig.tolerance, (
            index
        )


def test_batches_nest(compiling_rig, cases):
    fold = lambda leaf: leaf.reshape(2, -1, *leaf.shape[1:])  # noqa: E731
    step = jax.jit(jax.vmap(jax.vmap(compiling_rig.engine.step)))
    nested = step({}, *jax.tree.map(fold, (compiling_rig.started, cases.ctrl, cases.wrench)))
    assert difference(nested, jax.tree.map(fold, compiling_rig.stepped)) <= compiling_rig.tolerance


def test_same_call_gives_the_same_bits_whatever_was_called_between(rig, cases):
    other = rig.step({}, rig.stepped, cases.ctrl[::-1], cases.wrench + 1.0)
    assert difference(rig.init({}, *cases.start), rig.started) == 0
    rig.step({}, other, cases.ctrl, cases.wrench)
    assert difference(rig.step({}, rig.started, cases.ctrl, cases.wrench), rig.stepped) == 0


def test_members_do_not_depend_on_their_place(rig, cases):
    order = np.array([3, 1, 5, 0, 4, 2])
    shuffled = rig.step({}, rows(rig.started, order), cases.ctrl[order], cases.wrench[order])
    assert difference(shuffled, rows(rig.stepped, order)) == 0


def test_state_keeps_its_shapes_and_types(compiling_rig, cases):
    with jax.enable_x64(False):
        engine, wrench = compiling_rig.make(), jnp.asarray(cases.wrench)
        start = jax.eval_shape(jax.vmap(engine.init), {}, *map(jnp.asarray, cases.start))
        after = jax.eval_shape(jax.vmap(engine.step), {}, start, start.actuator_force, wrench)
    assert start == after
    assert not any(leaf.weak_type for leaf in jax.tree.leaves((start, after)))
    for states, expected in (
        ((start, after), "float32"),
        ((compiling_rig.started, compiling_rig.stepped), "float64"),
    ):
        dtypes = {str(leaf.dtype) for leaf in jax.tree.leaves(states)}
        assert dtypes == {expected, "bool"}


# --- failing


def test_failed_simulation_says_so_and_leaves_the_others_alone(rig, cases):
    state = rig.started.replace(
        qvel=rig.started.qvel.at[1, 8].set(1e9), qpos=rig.started.qpos.at[2, 9].set(jnp.nan)
    )
    ctrl, wrench = cases.ctrl.copy(), cases.wrench.copy()
    ctrl[3, 4], wrench[4, 0] = np.nan, np.nan
    after = rig.step({}, state, ctrl, wrench)
    np.testing.assert_array_equal(after.ok, [True, False, False, False, False, True])
    healthy = np.array([0, 5])
    assert difference(rows(after, healthy), rows(rig.stepped, healthy)) == 0
    assert difference(rig.step({}, rig.started, cases.ctrl, cases.wrench), rig.stepped) == 0


def test_absurd_speed_is_a_failure(rig, cases):
    state = rig.started.replace(qvel=rig.started.qvel.at[2, 2].set(1e9))
    after = rig.step({}, state, cases.ctrl, cases.wrench)
    np.testing.assert_array_equal(after.ok, np.arange(6) != 2)


def test_start_that_is_not_finite_says_so(rig, cases):
    qpos, qvel, ctrl = (value.copy() for value in cases.start)
    qpos[0, 2], qvel[1, 0], ctrl[2, 0] = np.nan, np.inf, np.nan
    started = rig.init({}, qpos, qvel, ctrl)
    np.testing.assert_array_equal(started.ok, [False, False, False, True, True, True])


def test_failed_simulation_stays_failed(rig, cases):
    state = rig.started.replace(ok=rig.started.ok.at[0].set(False))
    after = rig.step({}, state, cases.ctrl, cases.wrench)
    np.testing.assert_array_equal(after.ok, [False, True, True, True, True, True])
