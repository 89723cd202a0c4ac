"""MuJoCo C, many simulations at once on a thread pool, behind one host call a control step."""

import hashlib
import threading
from functools import partial

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from mujoco.batch import Batch, SimulationError

from wildrobot_cli.physics.constants import INPUTS
from wildrobot_cli.physics.host_call import host_call
from wildrobot_cli.physics.protocol import FASTEST, Params, PhysicsState, check_params

_STATE = ("qpos", "qvel", "qacc_warmstart", "time")
_OUTPUTS = ("qpos", "qvel", "qacc_warmstart", "sensordata", "actuator_force", "time")


class MujocoEngine:
    """The MuJoCo C engine; see `physics.protocol.Engine`.

    What the host computes is a function of its arguments alone: batches, and the parameters last
    applied to them, are caches. A simulation error comes back as `ok = False`.
    """

    name = "mujoco"

    def __init__(
        self, model: mujoco.MjModel, root_body: int, substeps: int, threads: int = 0
    ) -> None:
        """Take a compiled model; `threads` 0 is one for each core."""
        # `ok` tells what MuJoCo warns of; it would print it, and log it in the present folder.
        mujoco.set_mju_user_warning(lambda _message: None)
        self.model = model
        # Without auto-reset a diverged simulation shows itself instead of jumping home.
        self.model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
        self._root_body = root_body
        self._per_row = {"init": 0, "step": substeps, "steps": 1}
        self._threads = threads
        self._digest = _digest(model, root_body, substeps, threads)
        self._batches: dict[int, _ParameterBatch] = {}
        self._lock = threading.Lock()

    def init(
        self, params: Params, qpos: jax.Array, qvel: jax.Array, ctrl: jax.Array
    ) -> PhysicsState:
        """Start a simulation; see `Engine.init`."""
        zero = jnp.zeros_like(qvel), jnp.zeros((), qvel.dtype)
        wrench = jnp.zeros(6, qvel.dtype)
        return self._call("init", params, (qpos, qvel, *zero, ctrl, wrench))

    def step(
        self, params: Params, state: PhysicsState, ctrl: jax.Array, wrench: jax.Array
    ) -> PhysicsState:
        """Advance one control period; see `Engine.step`."""
        moving = (state.qpos, state.qvel, state.qacc_warmstart, state.time)
        kind = "steps" if jnp.ndim(ctrl) == 2 else "step"
        after = self._call(kind, params, (*moving, ctrl, wrench))
        return after.replace(ok=after.ok & state.ok)  # type: ignore[attr-defined]

    def _call(self, kind: str, params: Params, inputs: tuple[jax.Array, ...]) -> PhysicsState:
        """Run `init`, `step` or `steps` on the host, as one call for a whole batch.

        `steps` takes targets for each physics step.
        """
        check_params(params)
        m, dtype = self.model, jnp.result_type(float)
        sizes = (m.nq, m.nv, m.nv, m.nsensordata, m.nu)
        results = [
            *(jax.ShapeDtypeStruct((size,), dtype) for size in sizes),
            jax.ShapeDtypeStruct((), dtype),
            jax.ShapeDtypeStruct((), np.bool_),
        ]
        names = tuple(sorted(params))
        operands = [*inputs, *(params[name] for name in names)]
        target = "_".join(("wildrobot_mujoco", kind, self._digest, *names))
        return PhysicsState(*host_call(target, partial(self._run, kind, names), results, operands))

    def _run(
        self, kind: str, names: tuple[str, ...], inputs: list[np.ndarray], out: list[np.ndarray]
    ) -> None:
        """What the host does in a call: load a batch, run it, read it out."""
        state, (ctrl, wrench) = inputs[: len(_STATE)], inputs[len(_STATE) : len(_STATE) + 2]
        count = int(np.prod(wrench.shape[:-1], dtype=int))
        with self._lock:
            if count not in self._batches:
                self._batches[count] = _ParameterBatch(self.model, count, self._threads)
            batch = self._batches[count]
            batch.apply(dict(zip(names, inputs[len(_STATE) + 2 :], strict=True)))
            batch.load(state, wrench, self._root_body)
            batch.run(ctrl.reshape(count, -1, self.model.nu), self._per_row[kind], out)


class _ParameterBatch:
    """A MuJoCo batch with its live arrays and the per-simulation parameters it now holds."""

    def __init__(self, model: mujoco.MjModel, count: int, threads: int) -> None:
        self.sims = Batch(model, nsim=count, nthread=threads)
        names = {*_OUTPUTS, "ctrl", "xfrc_applied"}
        self.bound = {name: self.sims.bind(name) for name in names}
        self.model = model
        self._applied: dict[str, np.ndarray] = {}

    def apply(self, params: dict[str, np.ndarray]) -> None:
        """Make `params` the simulations' model fields; fields not named are the robot's own."""
        heavier = np.zeros(self.sims.nsim, dtype=bool)
        for name in sorted({*params, *self._applied}):
            changed = self._apply_field(name, params.get(name))
            if name in INPUTS:
                heavier |= changed
        if heavier.any():
            self.sims.set_const(ids=np.flatnonzero(heavier))

    def _apply_field(self, name: str, value: np.ndarray | None) -> np.ndarray:
        """Write one field where it differs; return which simulations changed. Shape (nsim,)."""
        nominal = getattr(self.model, name)
        shape = (self.sims.nsim, *nominal.shape)
        value = np.broadcast_to(nominal, shape) if value is None else value.reshape(shape)
        applied = self._applied.get(name)
        if applied is not None and np.array_equal(applied, value):
            return np.zeros(self.sims.nsim, dtype=bool)
        changed = np.ones(self.sims.nsim, dtype=bool)
        if applied is not None:
            changed[:] = (applied != value).reshape(self.sims.nsim, -1).any(axis=1)
        self.sims.expand(name)[...] = value
        self._applied[name] = np.array(value)
        return changed

    def load(self, state: list[np.ndarray], wrench: np.ndarray, root: int) -> None:
        """Write states, and wrenches on the root body."""
        for name, value in zip(_STATE, state, strict=True):
            self.bound[name][...] = value.reshape(self.bound[name].shape)
        self.bound["xfrc_applied"][:, root] = wrench.reshape(self.sims.nsim, 6)

    def run(self, ctrl: np.ndarray, substeps: int, out: list[np.ndarray]) -> None:
        """Take physics steps, then write `_OUTPUTS` and `ok`.

        Args:
            ctrl: targets, one row after another [rad]. Shape (nsim, rows, nu).
            substeps: physics steps under each row; 0 only computes sensors.
            out: arrays to fill.
        """
        *values, ok = out
        # MuJoCo takes targets that are not finite for zeros.
        ok[...] = np.isfinite(ctrl).all(axis=(1, 2)).reshape(ok.shape)
        for row in range(ctrl.shape[1]):
            self.bound["ctrl"][...] = ctrl[:, row]
            try:
                if substeps:
                    self.sims.step(nstep=substeps)
                else:
                    self.sims.forward()
            except SimulationError as error:
                ok.reshape(-1)[error.ids] = False
        # A simulation that blew up may not fit into single precision: `ok` says so.
        with np.errstate(invalid="ignore", over="ignore"):
            for name, value in zip(_OUTPUTS, values, strict=True):
                value[...] = self.bound[name].reshape(value.shape)
            slow = (np.abs(self.bound["qvel"]) < FASTEST).all(axis=1)
        ok &= (slow & np.isfinite(self.bound["qpos"]).all(axis=1)).reshape(ok.shape)


def _digest(model: mujoco.MjModel, root_body: int, substeps: int, threads: int) -> str:
    """A name for what the engine computes, and how, the same in every process."""
    buffer = np.empty(mujoco.mj_sizeModel(model), np.uint8)
    mujoco.mj_saveModel(model, None, buffer)
    text = f"{mujoco.__version__} {root_body} {substeps} {threads}".encode()
    return hashlib.sha256(buffer.tobytes() + text).hexdigest()[:16]
