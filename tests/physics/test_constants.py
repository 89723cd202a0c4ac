"""The constants that follow from masses are those of `mj_setConst`."""

import copy

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from simulations import with_fields

from wildrobot_cli.physics.constants import INPUTS, DerivedConstants
from wildrobot_cli.physics.protocol import RANDOMIZABLE

COUNT = 4
CONSTANTS = (
    "body_subtreemass",
    "body_invweight0",
    "dof_invweight0",
    "dof_M0",
    "tendon_invweight0",
    "actuator_acc0",
)
EVERY_KIND_OF_JOINT = """
<mujoco>
  <worldbody>
    <geom type="plane" size="1 1 0.1"/>
    <body name="static" pos="0 0 2"><geom size="0.1" mass="2"/></body>
    <body name="slider" pos="0 0 1">
      <joint type="slide" axis="1 0 0"/>
      <joint type="slide" axis="0 1 0" armature="0.1"/>
      <geom size="0.1" mass="3"/>
    </body>
    <body name="base" pos="1 0 1" euler="10 20 30">
      <freejoint/>
      <geom type="box" size="0.1 0.2 0.3" mass="2" pos="0.01 0.02 0.03" euler="5 5 5"/>
      <body name="arm" pos="0 0.2 0" euler="0 30 0">
        <joint type="ball" armature="0.01"/>
        <geom type="capsule" size="0.05 0.2" mass="1"/>
        <body name="welded" pos="0 0 0.2">
          <geom size="0.05" mass="0.3"/>
          <body name="hand" pos="0 0 0.1">
            <joint name="wrist" axis="1 1 0" armature="0.02"/>
            <joint name="push" type="slide" axis="0 0 1"/>
            <geom type="box" size="0.05 0.05 0.1" mass="0.5" pos="0.03 0 0"/>
          </body>
        </body>
      </body>
      <body name="tail" pos="0 -0.2 0">
        <joint name="tail" axis="0 0 1" ref="20"/>
        <geom type="capsule" size="0.03 0.1" mass="0.2" pos="0 0 0.1" euler="40 0 0"/>
      </body>
    </body>
  </worldbody>
  <tendon>
    <fixed name="tendon" armature="0.05">
      <joint joint="wrist" coef="2"/>
      <joint joint="tail" coef="-1"/>
    </fixed>
  </tendon>
  <actuator>
    <motor joint="wrist" gear="3"/>
    <motor joint="tail"/>
    <motor tendon="tendon"/>
    <position joint="push" kp="10" armature="0.3"/>
  </actuator>
</mujoco>
"""


@pytest.fixture(params=["wildrobot", "every kind of joint"])
def model(request, robot) -> mujoco.MjModel:
    if request.param == "wildrobot":
        return robot.model
    return mujoco.MjModel.from_xml_string(EVERY_KIND_OF_JOINT)


@pytest.fixture
def fields(model) -> dict[str, np.ndarray]:
    """Other masses, inertias, centres of mass and armature, for `COUNT` simulations."""
    rng = np.random.default_rng(0)
    drawn = {name: np.stack([getattr(model, name)] * COUNT) for name in INPUTS}
    for name in INPUTS - {"body_ipos"}:
        drawn[name] *= rng.uniform(0.5, 2.0, drawn[name].shape)
    # MuJoCo refuses a shift for bodies that it compiled as simple.
    shift = rng.uniform(-0.05, 0.05, drawn["body_ipos"].shape)
    drawn["body_ipos"] += shift * (model.body_simple == 0)[:, None]
    return drawn


def largest_relative_error(actual, expected) -> float:
    scale = np.maximum(np.abs(expected), 1e-9)
    return float(np.max(np.abs(np.asarray(actual) - expected) / scale, initial=0.0))


def test_constants_are_those_of_mj_setconst(model, fields):
    with jax.enable_x64(True):
        derived = jax.jit(jax.vmap(DerivedConstants(model)))(fields)
    assert sorted(derived) == sorted(CONSTANTS)
    for index in range(COUNT):
        plain = with_fields(model, **{name: value[index] for name, value in fields.items()})
        for name, value in derived.items():
            expected = getattr(plain, name)
            assert largest_relative_error(value[index], expected) < 1e-12, name


def test_nominal_fields_give_the_compiled_constants(model):
    with jax.enable_x64(True):
        derived = DerivedConstants(model)({})
    for name, value in derived.items():
        assert largest_relative_error(value, getattr(model, name)) < 1e-12, name


@pytest.mark.parametrize("name", sorted(INPUTS))
def test_each_field_alone_is_enough(model, fields, name):
    plain = with_fields(model, **{name: fields[name][0]})
    with jax.enable_x64(True):
        derived = DerivedConstants(model)({name: jnp.asarray(fields[name][0])})
    for constant, value in derived.items():
        assert largest_relative_error(value, getattr(plain, constant)) < 1e-12, constant


def test_single_precision_is_as_good_as_it_can_be(model, fields):
    with jax.enable_x64(False):
        derived = DerivedConstants(model)({name: value[0] for name, value in fields.items()})
    plain = with_fields(model, **{name: value[0] for name, value in fields.items()})
    for name, value in derived.items():
        assert value.dtype == np.float32, name
        assert largest_relative_error(value, getattr(plain, name)) < 1e-4, name


def test_inputs_are_all_randomizable_fields_that_move_the_constants():
    """All but those of geoms: masses and inertias are given, not taken from their shapes."""
    moving = set(RANDOMIZABLE) & set(mujoco.MjModel._setconst_inputs)
    assert {name for name in moving if not name.startswith("geom_")} == INPUTS


def test_where_a_geom_lies_moves_no_constant(model):
    moved = copy.copy(model)
    moved.geom_pos[:] += 0.1
    mujoco.mj_setConst(moved, mujoco.MjData(moved))
    for name in CONSTANTS:
        np.testing.assert_array_equal(getattr(moved, name), getattr(model, name), name)
