"""MJX: MuJoCo's physics as a JAX program, on whatever device JAX runs."""

from importlib.util import find_spec
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import mujoco
from mujoco import mjx

from wildrobot_cli.errors import ConfigError, EnvironmentUnavailable
from wildrobot_cli.physics.constants import INPUTS, DerivedConstants
from wildrobot_cli.physics.protocol import FASTEST, Impl, Params, PhysicsState, check_params

_FRICTION = "dof_frictionloss"
"""Raised above zero: MJX, unlike MuJoCo, locks a joint whose friction is drawn as zero."""

_READ = ("qpos", "qvel", "qacc_warmstart", "sensordata", "actuator_force", "time")
WARP_WORLDS = 32768
"""Simulations that the contact buffer of `impl` warp is made for: JAX batches after the fact.

Warp drops the contacts that do not fit; `factory.check_batch` refuses larger batches.
"""


class MjxEngine:
    """The MJX engine; see `physics.protocol.Engine`.

    Works in JAX's present precision, except for `impl` warp, which is single precision inside.
    """

    name = "mjx"

    def __init__(
        self, model: mujoco.MjModel, root_body: int, substeps: int, impl: Impl = "jax"
    ) -> None:
        """Take a compiled model.

        Raises:
            EnvironmentUnavailable: `impl` is warp, and this machine cannot run it.
            ConfigError: the model has a part that MJX does not simulate.
        """
        if impl == "warp":
            _require_warp()
        self.model = model
        self._root_body = root_body
        self._substeps = substeps
        self._impl = impl
        self._programs: dict[Any, _Program] = {}
        self._program()

    def init(
        self, params: Params, qpos: jax.Array, qvel: jax.Array, ctrl: jax.Array
    ) -> PhysicsState:
        """Start a simulation; see `Engine.init`."""
        model, data = self._load(params, qpos=qpos, qvel=qvel, ctrl=ctrl)
        return _read(mjx.forward(model, data), jnp.isfinite(ctrl).all())

    def step(
        self, params: Params, state: PhysicsState, ctrl: jax.Array, wrench: jax.Array
    ) -> PhysicsState:
        """Advance one control period; see `Engine.step`."""
        moving = {name: getattr(state, name) for name in ("qpos", "qvel", "qacc_warmstart", "time")}
        rows = jnp.atleast_2d(ctrl)
        model, data = self._load(params, **moving, ctrl=rows[0])
        forces = data.xfrc_applied.at[self._root_body].set(wrench)
        data = data.replace(xfrc_applied=forces)

        def substep(data: mjx.Data, row: jax.Array | None) -> tuple[mjx.Data, None]:
            data = data if row is None else data.replace(ctrl=row)
            return mjx.step(model, data), None

        later = None if ctrl.ndim == 1 else rows.astype(data.ctrl.dtype)
        data, _ = jax.lax.scan(substep, data, later, length=self._substeps)
        return _read(data, state.ok & jnp.isfinite(ctrl).all())

    def _load(self, params: Params, **values: jax.Array) -> tuple[mjx.Model, mjx.Data]:
        """Return the model with `params`, and a simulation of it in the state `values`."""
        check_params(params)
        program = self._program()
        if INPUTS & set(params):
            params = {**params, **program.constants(params)}
        if _FRICTION in params:
            params = {**params, _FRICTION: jnp.maximum(params[_FRICTION], mujoco.mjMINVAL)}
        return _replaced(program.model, params), _replaced(program.blank, values)

    def _program(self) -> "_Program":
        """Return what MJX makes of the model, in JAX's present precision."""
        precision = jnp.result_type(float)
        if precision not in self._programs:
            with jax.ensure_compile_time_eval():
                self._programs[precision] = _put(self.model, self._impl)
        return self._programs[precision]


class _Program(NamedTuple):
    """A model on JAX's device, in one precision."""

    model: mjx.Model
    """With the robot's own fields."""
    blank: mjx.Data
    """A simulation of it, nothing computed."""
    constants: DerivedConstants
    """What must follow when the fields change."""


def _put(model: mujoco.MjModel, impl: Impl) -> _Program:
    """Hand a model to MJX; by itself it would take a device of process 0, in others too."""
    here = jax.local_devices()[0]
    try:
        on_device = mjx.put_model(model, here, impl)
        blank = mjx.make_data(model, here, "jax")
        if impl == "warp":
            bounds = {"naconmax": WARP_WORLDS * blank._impl.ncon, "njmax": blank._impl.nefc}
            blank = mjx.make_data(model, here, "warp", **bounds)
    except (NotImplementedError, ValueError) as error:
        reason = str(error).rstrip(".")
        raise ConfigError(
            f"engine 'mjx' cannot simulate this robot: {reason}; use --engine mujoco"
        ) from None
    return _Program(on_device, blank, DerivedConstants(model))


def _require_warp() -> None:
    """Raise `EnvironmentUnavailable` where MuJoCo Warp cannot run."""
    if find_spec("warp") is None:
        raise EnvironmentUnavailable(
            "impl 'warp' needs warp-lang: pip install 'wildrobot[warp]', or use --impl jax"
        )
    try:
        jax.devices("cuda")
    except RuntimeError:
        raise EnvironmentUnavailable(
            "impl 'warp' needs an NVIDIA GPU that JAX sees (pip install 'wildrobot[cuda]'), "
            "or use --impl jax"
        ) from None


def _replaced(holder: Any, values: dict[str, jax.Array]) -> Any:
    """Return a model or a simulation with some fields replaced, in the precision it has."""
    dtypes = {name: getattr(holder, name).dtype for name in values}
    return holder.replace(**{name: jnp.asarray(values[name], dtypes[name]) for name in values})


def _read(data: mjx.Data, ok: jax.Array) -> PhysicsState:
    """What the environment sees of a simulation."""
    precision = jnp.result_type(float)
    values = {name: jnp.asarray(getattr(data, name), precision) for name in _READ}
    slow = (jnp.abs(values["qvel"]) < FASTEST).all()
    return PhysicsState(**values, ok=ok & slow & jnp.isfinite(values["qpos"]).all())
