"""What the MJX engine promises beyond conformance: MuJoCo's trajectories, clear refusals."""

import subprocess
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from wildrobot_cli import EnvConfig
from wildrobot_cli.errors import ConfigError, EnvironmentUnavailable
from wildrobot_cli.physics import factory, mjx
from wildrobot_cli.physics.factory import make_engine
from wildrobot_cli.physics.mjx import MjxEngine
from wildrobot_cli.physics.model import engine_model
from wildrobot_cli.physics.protocol import RANDOMIZABLE, Engine, Params, PhysicsState

ENVS, STEPS = 4, 20
COMPARED = ("qpos", "qvel", "sensordata", "actuator_force")
CONVERGED = [
    f"env.{engine}.{setting}"
    for engine in ("mujoco", "mjx")
    for setting in ("iterations=20", "ls_iterations=20", "tolerance=1e-12")
]


@dataclass(frozen=True)
class Comparison:
    """MuJoCo's and MJX's states after each control step, `STEPS` of them. Leaves (STEPS, ...)."""

    reference: PhysicsState
    """MuJoCo's, each from the one before."""
    single: PhysicsState
    """MJX's, from MuJoCo's state one step before."""
    free: PhysicsState
    """MJX's, each from the one before."""

    def error(self, name: str, states: PhysicsState) -> np.ndarray:
        """Largest difference over steps and simulations, by place in a field."""
        difference = np.abs(getattr(states, name) - getattr(self.reference, name))
        return difference.max(axis=(0, 1))

    def scale(self, name: str) -> np.ndarray:
        """Largest value over steps and simulations, at least 1, by place in a field."""
        return np.maximum(1.0, np.abs(getattr(self.reference, name)).max(axis=(0, 1)))


@pytest.fixture(scope="module")
def engines(robot) -> dict[str, Engine]:
    config = EnvConfig.from_file("ppo.yaml", tuple(CONVERGED))
    kinds = {name: config.model_copy(update={"engine": name}) for name in ("mujoco", "mjx")}
    with jax.enable_x64(True):
        return {name: make_engine(robot, kind) for name, kind in kinds.items()}


@pytest.fixture(scope="module")
def params(robot) -> Params:
    """Every field drawn at random, but for the first simulation, which is the robot."""
    rng, model = np.random.default_rng(1), robot.model
    drawn = {name: np.stack([getattr(model, name)] * ENVS) for name in RANDOMIZABLE}
    own = {"geom_pos", "geom_quat", "body_ipos", "actuator_gainprm", "actuator_biasprm"}
    for name in sorted(set(RANDOMIZABLE) - own):
        drawn[name][1:] *= rng.uniform(0.8, 1.2, drawn[name][1:].shape)
    drawn["body_ipos"][1:, 1:] += rng.uniform(-0.01, 0.01, drawn["body_ipos"][1:, 1:].shape)
    gain = rng.uniform(0.8, 1.2, (ENVS - 1, model.nu, 1))
    drawn["actuator_gainprm"][1:] *= gain
    drawn["actuator_biasprm"][1:] *= gain
    drawn["dof_frictionloss"][3] = 0.0
    return drawn


@pytest.fixture(scope="module")
def programs(engines):
    """Batched and compiled: init and step of each engine."""
    return {
        name: (jax.jit(jax.vmap(engine.init)), jax.jit(jax.vmap(engine.step)))
        for name, engine in engines.items()
    }


@pytest.fixture(scope="module")
def double(robot, programs, params) -> Comparison:
    with jax.enable_x64(True):
        return compare(robot, programs, params)


def compare(robot, programs, params: Params) -> Comparison:
    """Large random targets from a crouch, in JAX's present precision; a push halfway."""
    rng, model = np.random.default_rng(0), robot.model
    qpos = np.tile(robot.home_qpos, (ENVS, 1))
    qpos[:, 2] -= 0.01
    qvel = rng.uniform(-0.5, 0.5, (ENVS, model.nv))
    ctrl = robot.home_ctrl + rng.uniform(-0.5, 0.5, (STEPS, ENVS, model.nu))
    wrench = np.zeros((STEPS, ENVS, 6))
    wrench[STEPS // 2 :, 1] = 20.0, 10.0, -5.0, 2.0, 1.0, -1.0
    params, qpos, qvel, ctrl, wrench = jax.tree.map(jnp.asarray, (params, qpos, qvel, ctrl, wrench))
    init, step = programs["mujoco"]
    _, advance = programs["mjx"]
    reference = free = init(params, qpos, qvel, ctrl[0])
    history = []
    for target, force in zip(ctrl, wrench, strict=True):
        single = advance(params, reference, target, force)
        reference, free = (
            step(params, reference, target, force),
            advance(params, free, target, force),
        )
        history.append((reference, single, free))
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *history)
    return Comparison(*stacked)


@pytest.mark.parametrize("name", COMPARED)
def test_single_steps_are_mujocos(double, name):
    assert double.error(name, double.single).max() < 1e-10


@pytest.mark.parametrize("name", COMPARED)
def test_free_trajectories_are_mujocos(double, name):
    assert double.error(name, double.free).max() < 1e-10


def test_comparison_is_of_hard_contact_and_hard_work(double, robot):
    feet = (robot.feet.left, robot.feet.right)
    forces = [double.reference.sensordata[..., place] for foot in feet for place in foot.switches]
    assert double.reference.ok.all() and double.free.ok.all()
    assert np.mean(sum(forces) > 0) > 0.5
    assert np.max(forces) > 2 * robot.weight
    assert np.max(np.abs(double.reference.actuator_force)) >= 0.8 * robot.torque_limit.max()
    assert np.max(np.abs(double.reference.qvel[..., robot.qvel_ids])) > 3.0


@pytest.mark.long
def test_single_precision_steps_are_mujocos_to_its_own_accuracy(robot, programs, params):
    with jax.enable_x64(False):
        compared = compare(robot, programs, params)
    assert compared.single.qpos.dtype == np.float32
    for name in COMPARED:
        assert np.max(compared.error(name, compared.single) / compared.scale(name)) < 1e-3, name


def test_joints_without_friction_turn_freely(double):
    """MJX locks a joint whose friction parameter is zero; the engine does not."""
    speed = np.abs(double.free.qvel[:, 3, 6:]).max()
    assert speed > 1.0
    assert np.abs(double.free.qvel - double.reference.qvel)[:, 3].max() < 1e-10


def test_tracing_leaks_nothing_into_the_engine(robot):
    config = EnvConfig.from_file("ppo.yaml", ("env.engine=mjx",))
    model = engine_model(robot, config, config.mjx)
    engine = MjxEngine(model, robot.root_body, config.substeps)
    for x64 in (True, False):
        with jax.enable_x64(x64), jax.checking_leaks():
            ctrl, qvel = jnp.zeros(model.nu), jnp.zeros(model.nv)
            jax.eval_shape(engine.init, {}, jnp.asarray(robot.home_qpos), qvel, ctrl)


# --- refusals


def test_warp_that_is_not_installed_is_named(robot, monkeypatch):
    monkeypatch.setattr(mjx, "find_spec", lambda name: None)
    with pytest.raises(EnvironmentUnavailable) as error:
        MjxEngine(robot.model, robot.root_body, 5, impl="warp")
    assert str(error.value) == (
        "impl 'warp' needs warp-lang: pip install 'wildrobot[warp]', or use --impl jax"
    )
    assert error.value.exit_code == 3


def test_warp_without_an_nvidia_gpu_is_refused(robot, monkeypatch):
    def no_devices(backend):
        raise RuntimeError(f"Unknown backend {backend}")

    monkeypatch.setattr(mjx, "find_spec", lambda name: SimpleNamespace())
    monkeypatch.setattr(jax, "devices", no_devices)
    with pytest.raises(EnvironmentUnavailable) as error:
        MjxEngine(robot.model, robot.root_body, 5, impl="warp")
    assert str(error.value) == (
        "impl 'warp' needs an NVIDIA GPU that JAX sees (pip install 'wildrobot[cuda]'), "
        "or use --impl jax"
    )


def test_configured_impl_reaches_the_engine(robot, monkeypatch):
    monkeypatch.setattr(mjx, "find_spec", lambda name: None)
    config = EnvConfig.from_file("ppo.yaml", ("env.engine=mjx", "env.mjx.impl=warp"))
    with pytest.raises(EnvironmentUnavailable, match="needs warp-lang"):
        make_engine(robot, config)


def test_model_that_mjx_cannot_simulate_is_refused():
    model = mujoco.MjModel.from_xml_string(
        """<mujoco><worldbody>
             <geom type="box" size="1 1 0.1"/>
             <body pos="0 0 1"><freejoint/><geom type="cylinder" size="0.1 0.1"/></body>
           </worldbody></mujoco>"""
    )
    with pytest.raises(ConfigError) as error:
        MjxEngine(model, root_body=1, substeps=5)
    assert str(error.value) == (
        "engine 'mjx' cannot simulate this robot: (mjtGeom.mjGEOM_CYLINDER, mjtGeom.mjGEOM_BOX) "
        "collisions not implemented; use --engine mujoco"
    )


def test_importing_the_environment_prints_nothing():
    code = "import wildrobot_cli; wildrobot_cli.WildRobotEnv"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, "")


@pytest.mark.parametrize(
    ("backend", "installed", "asked", "impl"),
    [
        ("gpu", True, "auto", "warp"),
        ("gpu", False, "auto", "jax"),
        ("cpu", True, "auto", "jax"),
        ("gpu", True, "jax", "jax"),
        ("cpu", False, "warp", "warp"),
    ],
)
def test_warp_is_chosen_on_an_nvidia_gpu_where_it_is_installed(
    backend, installed, asked, impl, monkeypatch
):
    monkeypatch.setattr(factory.jax, "default_backend", lambda: backend)
    monkeypatch.setattr(factory, "find_spec", lambda name: object() if installed else None)
    config = EnvConfig.from_file("ppo.yaml", (f"env.mjx.impl={asked}",))
    assert factory.resolve_impl(config) == impl


@pytest.mark.parametrize(("impl", "fits"), [("warp", False), ("jax", True)])
def test_a_batch_beyond_warps_room_for_contacts_is_refused(impl, fits):
    config = EnvConfig.from_file("ppo.yaml", ("env.engine=mjx", f"env.mjx.impl={impl}"))
    factory.check_batch(config, mjx.WARP_WORLDS)
    with nullcontext() if fits else pytest.raises(ConfigError, match="has room for the contacts"):
        factory.check_batch(config, mjx.WARP_WORLDS + 1)
