"""Many devices: environments are spread over them, parameters are on each.

One program runs on all devices of all processes; `jax.sharding` says which part of an array lies
where, and XLA adds the communication.
"""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from wildrobot_cli.config.learning import BatchConfig
from wildrobot_cli.config.schema import Config
from wildrobot_cli.errors import ConfigError, EnvironmentUnavailable
from wildrobot_cli.physics.factory import check_batch, resolve_impl

AXIS = "envs"
AUTO = "auto"
_PLACE = re.compile(r"([^,]+:\d+),(\d+)/(\d+)")
_LOOPBACK = re.compile(r"(localhost|127\.[\d.]+|\[::1\]):")
"""Where JAX is told to listen here alone; by itself it listens on every interface."""


def connect(text: str) -> None:
    """Join the other processes of a training; to be called before JAX computes anything.

    All meet here, while none has anything to compile: processes that exchange arrays for the first
    time wait for one another for half a minute at most, later on for much longer.

    Args:
        text: `auto` under Slurm, Open MPI or another cluster that JAX knows, else
            `HOST:PORT,INDEX/COUNT`: where process 0 listens, which process this is, of how many.

    Raises:
        ConfigError: it is neither.
        EnvironmentUnavailable: the others are not to be reached.
    """
    match = _PLACE.fullmatch(text)
    if text != AUTO and (match is None or int(match[2]) >= int(match[3])):
        raise ConfigError(
            f"--distributed {text}: expected auto, or HOST:PORT,INDEX/COUNT as in 10.0.0.1:5000,0/2"
        )
    try:
        if match is None:
            jax.distributed.initialize()
        else:
            place, index, count = match[1], int(match[2]), int(match[3])
            bind = place if _LOOPBACK.match(place) else None
            jax.distributed.initialize(place, count, index, coordinator_bind_address=bind)
        multihost_utils.sync_global_devices("connected")
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise EnvironmentUnavailable(f"--distributed {text}: {reason}") from error


def part() -> None:
    """Leave the other processes, once all have come here: what follows, one of them does alone."""
    if jax.process_count() > 1:
        jax.distributed.shutdown()


def leads() -> bool:
    """Whether this process is the one that writes and prints."""
    return bool(jax.process_index() == 0)


def agreed(flags: tuple[bool, ...]) -> tuple[bool, ...]:
    """What process 0 says, in every process. Clocks and signals differ between them."""
    if jax.process_count() == 1:
        return flags
    return tuple(bool(flag) for flag in multihost_utils.broadcast_one_to_all(np.array(flags)))


@contextmanager
def own_folder(folder: Path) -> Iterator[Path]:
    """The folder itself in process 0; in the others one that is removed afterwards.

    So every process does the same, and one of them leaves something behind.
    """
    if leads():
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="wildrobot-") as scratch:
        yield Path(scratch)


class Placement:
    """Where the arrays of a training lie. On a single device nothing is said of it."""

    def __init__(self, config: Config, engine: str, batch: BatchConfig) -> None:
        """Use all devices of all processes; one, when the physics is not a JAX program.

        Raises:
            ConfigError: the environments do not divide evenly among the devices, or are too many.
            EnvironmentUnavailable: there are several processes, and the physics runs in one.
        """
        check_batch(config.env, batch.num_envs)
        self._num_envs = batch.num_envs
        self.mesh: Mesh | None = None
        devices = np.array(jax.devices())
        if engine != "mjx" or resolve_impl(config.env) != "jax":
            if jax.process_count() > 1:
                raise EnvironmentUnavailable("--distributed needs --engine mjx with --impl jax")
            return
        if len(devices) == 1:
            return
        minibatch = batch.num_envs // batch.num_minibatches
        if minibatch % len(devices):
            raise ConfigError(
                f"ppo.mjx: num_envs / num_minibatches is {minibatch}; "
                f"expected a multiple of {len(devices)}, the number of devices"
            )
        self.mesh = Mesh(devices, (AXIS,))

    def whole(self) -> NamedSharding:
        """The whole array on every device."""
        assert self.mesh is not None
        return NamedSharding(self.mesh, PartitionSpec())

    def rows(self) -> NamedSharding:
        """The first axis split over the devices."""
        assert self.mesh is not None
        return NamedSharding(self.mesh, PartitionSpec(AXIS))

    def of_state(self, state: Any) -> Any:
        """Environments spread, everything else on every device; a tree as `state` is."""

        def one(leaf: Any) -> NamedSharding:
            batched = leaf.ndim > 0 and leaf.shape[0] == self._num_envs
            return self.rows() if batched else self.whole()

        spread = jax.tree.map(one, state.env)
        return jax.tree.map(lambda _: self.whole(), state).replace(env=spread)

    def of_recording(self) -> NamedSharding:
        """Where it can be read: a process does not see the devices of the others."""
        return self.whole() if jax.process_count() > 1 else self.rows()

    def split(self, minibatch: Any) -> Any:
        """Inside a program: compute with each part of a minibatch on a device of its own."""
        if self.mesh is None:
            return minibatch
        return jax.lax.with_sharding_constraint(minibatch, self.rows())

    def copied(self, tree: Any) -> Any:
        """Copies of arrays, whole in every process."""
        place = None if self.mesh is None else self.whole()
        return jax.jit(_copy, out_shardings=place)(tree)


def put(tree: Any, places: Any) -> Any:
    """Move arrays that every process holds whole to where they belong."""

    def one(leaf: Any, place: NamedSharding) -> jax.Array:
        array = np.asarray(leaf)
        return jax.make_array_from_callback(array.shape, place, lambda rows: array[rows])

    return jax.tree.map(one, tree, places)


def from_process_0(tree: Any | None, like: Any) -> Any | None:
    """What process 0 has read, in every process; None when it is None there.

    Args:
        tree: arrays, in process 0.
        like: shapes and types of them.
    """
    if jax.process_count() == 1:
        return tree
    (found,) = agreed((tree is not None,))
    if not found:
        return None
    if tree is None:
        tree = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), like)
    return multihost_utils.broadcast_one_to_all(jax.tree.map(np.asarray, tree))


def _copy(tree: Any) -> Any:
    return jax.tree.map(jax.numpy.copy, tree)
