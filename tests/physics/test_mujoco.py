"""What the MuJoCo C engine promises beyond conformance: the same bits however it is called."""

import copy
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from simulations import CHANGES, SUBSTEPS, Reference, difference, rows, with_fields

from wildrobot_cli import EnvConfig
from wildrobot_cli.physics.factory import make_engine, resolve_engine
from wildrobot_cli.physics.model import engine_model
from wildrobot_cli.physics.mujoco import MujocoEngine

pytestmark = pytest.mark.usefixtures("double_precision")


@pytest.fixture(scope="module")
def engine(robot, model) -> MujocoEngine:
    return MujocoEngine(copy.copy(model), robot.root_body, SUBSTEPS)


def run(engine, cases, steps=5, params=None, repeats=1):
    """The cases after some control steps, the whole batch `repeats` times."""
    params, many = params or {}, [np.repeat(value, repeats, 0) for value in vars(cases).values()]
    state = jax.vmap(engine.init, (None, 0, 0, 0))(params, *map(jnp.asarray, many[:3]))
    step = jax.vmap(engine.step, (None, 0, 0, 0))
    for _ in range(steps):
        state = step(params, state, *map(jnp.asarray, many[2:]))
    return state


def host_function(engine, cases, params=None):
    """The name by which a compiled program calls an engine's step."""
    start = (jnp.asarray(value[0]) for value in cases.start)
    state = jax.eval_shape(engine.init, {}, *start)
    rest = (params or {}, state, state.actuator_force, jnp.zeros(6))
    return re.search(r"wildrobot_mujoco_\w+", str(jax.make_jaxpr(engine.step)(*rest))).group()


@pytest.mark.parametrize("threads", [2, 3, 0])
def test_thread_count_does_not_change_a_bit(robot, model, cases, threads):
    mass = {"body_mass": jnp.asarray(CHANGES["body_mass"](model.body_mass))}
    one, many = (
        MujocoEngine(copy.copy(model), robot.root_body, SUBSTEPS, count) for count in (1, threads)
    )
    assert difference(run(one, cases, repeats=20), run(many, cases, repeats=20)) == 0
    assert difference(run(one, cases, params=mass), run(many, cases, params=mass)) == 0


def test_scan_and_eager_calls_give_the_same_bits(engine, cases):
    eager = run(engine, cases, steps=5)
    step = jax.vmap(engine.step, (None, 0, 0, 0))

    def advance(state, _):
        return step({}, state, cases.ctrl, cases.wrench), None

    start = run(engine, cases, steps=0)
    scanned, _ = jax.jit(lambda s: jax.lax.scan(advance, s, None, length=5))(start)
    assert difference(eager, scanned) == 0


def test_batches_of_any_size_give_the_same_bits(engine, cases):
    once = run(engine, cases)
    for repeats in (2, 7):
        many = run(engine, cases, repeats=repeats)
        assert difference(rows(many, np.arange(6) * repeats), once) == 0


@pytest.mark.parametrize("name", CHANGES)
def test_field_alone_for_a_whole_batch_is_the_plain_model_with_it(robot, model, cases, name):
    """On a model of its own, so that the host has never had other fields to apply."""
    unseen = copy.copy(model)
    unseen.opt.gravity[2] -= 1e-3 * (1 + list(CHANGES).index(name))
    engine = MujocoEngine(copy.copy(unseen), robot.root_body, SUBSTEPS)
    value = CHANGES[name](getattr(unseen, name))
    state = run(engine, cases, steps=2, params={name: jnp.asarray(value)})
    plain = with_fields(unseen, **{name: value})
    for index in range(6):
        reference = Reference(plain, robot.root_body)
        reference.init(*(case[index] for case in cases.start))
        for _ in range(2):
            reference.step(cases.ctrl[index], cases.wrench[index])
        assert reference.error(state, index) == 0


def test_fields_come_and_go_between_calls(engine, model, cases):
    plain = run(engine, cases)
    fields = {name: jnp.asarray(change(getattr(model, name))) for name, change in CHANGES.items()}
    alone = {name: run(engine, cases, params={name: fields[name]}) for name in fields}
    assert difference(run(engine, cases), plain) == 0
    run(engine, cases, params=fields)
    for name in reversed(fields):
        again = run(engine, cases, params={name: fields[name]})
        assert difference(again, alone[name]) == 0, name
    assert difference(run(engine, cases), plain) == 0


def test_each_simulation_has_its_own_fields(engine, model, cases):
    """Only one simulation's fields change from one call to the next."""
    start = run(engine, cases, steps=0)
    step = jax.vmap(engine.step)
    rest = (start, *map(jnp.asarray, (cases.ctrl, cases.wrench)))
    mass = np.stack([CHANGES["body_mass"](model.body_mass)] * 6)
    same = step({"body_mass": jnp.asarray(mass)}, *rest)
    for index in (5, 2):
        one = mass.copy()
        one[index] *= 1.1
        other = step({"body_mass": jnp.asarray(one)}, *rest)
        moved = [difference(rows(other, row), rows(same, row)) > 1e-3 for row in range(6)]
        assert moved == [row == index for row in range(6)]


def test_warm_start_is_carried_when_the_solver_does_not_converge(robot, model, cases):
    poor = copy.copy(model)
    poor.opt.iterations = 1
    engine = MujocoEngine(copy.copy(poor), robot.root_body, SUBSTEPS)
    state = run(engine, cases, steps=6)
    cold = jax.vmap(engine.step, (None, 0, 0, 0))(
        {},
        run(engine, cases, steps=5).replace(qacc_warmstart=jnp.zeros_like(state.qacc_warmstart)),
        *map(jnp.asarray, (cases.ctrl, cases.wrench)),
    )
    for index in range(6):
        reference = Reference(poor, robot.root_body)
        reference.init(*(value[index] for value in cases.start))
        for _ in range(6):
            reference.step(cases.ctrl[index], cases.wrench[index])
        assert reference.error(state, index) == 0
    assert difference(cold, state) > 1e-6


def test_single_precision_follows_double(engine, cases):
    double = run(engine, cases, steps=1)
    with jax.enable_x64(False):
        single = run(engine, cases, steps=1)
    assert single.qvel.dtype == jnp.float32
    np.testing.assert_allclose(single.qpos, double.qpos, atol=1e-5)
    np.testing.assert_allclose(single.qvel, double.qvel, atol=1e-3)


def test_programs_call_one_function_for_one_computation(robot, model, cases):
    def name(change=lambda model: None, root=robot.root_body, substeps=SUBSTEPS, threads=0):
        changed = copy.copy(model)
        change(changed)
        return host_function(MujocoEngine(changed, root, substeps, threads), cases)

    def heavier(model):
        model.body_mass[2] *= 1.001

    def longer(model):
        model.opt.timestep *= 1.001

    others = (name(heavier), name(longer), name(root=2), name(substeps=6), name(threads=1))
    assert name() == name()
    assert len({name(), *others}) == 1 + len(others)


def test_programs_name_the_fields_that_they_hand_over(engine, model, cases):
    params = {name: jnp.asarray(getattr(model, name)) for name in ("body_mass", "body_inertia")}
    assert host_function(engine, cases, params).endswith("_body_inertia_body_mass")


# --- choosing an engine


def test_auto_is_mujoco_on_a_cpu(monkeypatch):
    for device, expected in (("cpu", "mujoco"), ("gpu", "mjx")):
        monkeypatch.setattr(jax, "default_backend", lambda device=device: device)
        assert resolve_engine("auto") == expected
        assert resolve_engine("mujoco") == "mujoco"


def test_model_takes_time_step_and_solver_from_the_configuration(robot):
    names = ("control_period=0.03", "substeps=6", "mujoco.iterations=7", "mujoco.ls_iterations=9")
    overrides = tuple(f"env.{name}" for name in (*names, "mujoco.tolerance=0.001"))
    config = EnvConfig.from_file("ppo.yaml", overrides)
    option = engine_model(robot, config, config.mujoco).opt
    assert (option.iterations, option.ls_iterations, option.tolerance) == (7, 9, 0.001)
    assert option.timestep == pytest.approx(0.005)
    assert robot.model.opt.timestep == 0.004
    assert robot.model.opt.iterations == 20


def test_building_an_engine_leaves_the_robot_as_it_was(robot, config):
    before = robot.model.opt.disableflags
    make_engine(robot, config.env)
    assert robot.model.opt.disableflags == before
