"""What every physics engine promises of per-simulation model fields; see `engines.py`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from simulations import CHANGES, Reference, busy, difference, rows, with_fields

from wildrobot_cli.physics.protocol import RANDOMIZABLE

pytestmark = pytest.mark.usefixtures("double_precision")


@pytest.fixture(scope="module")
def changed(compiling_rig, model, cases):
    """A simulation for each field with that field changed, at its start and after one step.

    One more comes last, with nothing changed.
    """
    many = busy(cases, len(RANDOMIZABLE) + 1)
    params = {name: np.stack([getattr(model, name)] * len(many.qpos)) for name in RANDOMIZABLE}
    for index, name in enumerate(RANDOMIZABLE):
        params[name][index] = CHANGES[name](getattr(model, name))
    with jax.enable_x64(True):
        started = compiling_rig.init(params, *many.start)
        return started, compiling_rig.step(params, started, many.ctrl, many.wrench)


@pytest.mark.parametrize("name", RANDOMIZABLE)
def test_field_is_the_plain_model_with_that_field(
    compiling_rig, changed, robot, model, cases, name
):
    index, start = RANDOMIZABLE.index(name), rows(busy(cases, 1).start, 0)
    plain = with_fields(model, **{name: CHANGES[name](getattr(model, name))})
    reference = Reference(plain, robot.root_body).init(*start)
    assert reference.error(changed[0], index) <= compiling_rig.tolerance
    reference.step(cases.ctrl[1], cases.wrench[1])
    assert reference.error(changed[1], index) <= compiling_rig.tolerance


@pytest.mark.parametrize("name", RANDOMIZABLE)
def test_field_changes_the_motion(changed, name):
    qvel = changed[1].qvel
    assert np.max(np.abs(qvel[RANDOMIZABLE.index(name)] - qvel[-1])) > 1e-4


def test_nominal_fields_change_nothing(compiling_rig, changed, cases):
    many = busy(cases, len(cases.qpos))
    plain = compiling_rig.step({}, compiling_rig.init({}, *many.start), many.ctrl, many.wrench)
    assert difference(rows(changed[1], -1), rows(plain, 0)) <= compiling_rig.tolerance


def test_fields_that_are_absent_are_the_robots_own(compiling_rig, robot, model, cases):
    count = len(cases.qpos)
    mass = np.stack([CHANGES["body_mass"](model.body_mass)] * count)
    heavy = compiling_rig.step({"body_mass": mass}, compiling_rig.started, cases.ctrl, cases.wrench)
    plain = with_fields(model, body_mass=mass[0])
    for index in range(count):
        reference = Reference(plain, robot.root_body)
        reference.data.qacc_warmstart[:] = compiling_rig.started.qacc_warmstart[index]
        reference.data.qpos[:], reference.data.qvel[:] = cases.qpos[index], cases.qvel[index]
        reference.step(cases.ctrl[index], cases.wrench[index])
        assert reference.error(heavy, index) <= compiling_rig.tolerance, index
    assert (
        difference(
            compiling_rig.step({}, compiling_rig.started, cases.ctrl, cases.wrench),
            compiling_rig.stepped,
        )
        == 0
    )


def test_unknown_field_is_refused(rig, cases):
    valid = sorted(RANDOMIZABLE)
    for call, rest in ((rig.engine.init, cases.start), (rig.engine.step, (rig.started, 0, 0))):
        with pytest.raises(ValueError) as error:
            call({"body_masses": jnp.ones(3), "body_mass": jnp.ones(3)}, *rest)
        assert str(error.value) == f"not randomizable: ['body_masses']; valid: {valid}"


def test_every_randomizable_field_is_tested():
    assert set(CHANGES) == set(RANDOMIZABLE)
