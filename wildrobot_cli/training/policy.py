"""A trained policy, taken from a run's checkpoint."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from brax.training.acme import running_statistics, specs
from brax.training.agents.ppo import networks as ppo_networks
from flax import struct

from wildrobot_cli.config.learning import BatchConfig
from wildrobot_cli.config.schema import Config
from wildrobot_cli.env.environment import WildRobotEnv
from wildrobot_cli.errors import RunError
from wildrobot_cli.physics.factory import resolve_engine
from wildrobot_cli.training import checkpoint_list, checkpoints
from wildrobot_cli.training.networks import make_networks
from wildrobot_cli.training.run_folder import RunFolder

PolicyFn = Callable[[Any], jax.Array]
"""From observations, as the environment gives them, to actions in [-1, 1]."""


@struct.dataclass
class Policy:
    """A deterministic policy and the checkpoint that it comes from; its parameters are leaves."""

    tree: dict[str, Any]
    """Its parameters: `normalizer` and `params`; see `policy_tree`."""
    networks: ppo_networks.PPONetworks = struct.field(pytree_node=False)
    """What they are the parameters of."""
    env_steps: int = struct.field(pytree_node=False)
    """Control steps of training behind it."""

    def act(self, observation: Any) -> jax.Array:
        """Observation to action, batched or not."""
        return deterministic(self.networks, self.tree)(observation)


def batch_config(config: Config, engine: str) -> BatchConfig:
    """Return the training shapes that go with an engine."""
    return config.ppo.mujoco if engine == "mujoco" else config.ppo.mjx


def load_policy(
    run: RunFolder, config: Config, env: WildRobotEnv, checkpoint: str | None
) -> Policy:
    """Load the policy of a run's checkpoint (the newest by default).

    Its networks have the shapes of the engine that it was trained on, whatever it acts on now.

    Raises:
        RunError: no such checkpoint, or it is damaged, or of another robot or network shape.
    """
    path = checkpoint_list.find_checkpoint(run.checkpoints, checkpoint)
    batch = batch_config(config, run.engine or resolve_engine(config.env.engine))
    networks = make_networks(env, config.ppo, batch)
    like = jax.eval_shape(lambda: _initial_policy(networks, env))
    try:
        params = checkpoints.restore(path, checkpoints.POLICY, like, env.robot.fingerprint)
    except checkpoints.DamagedCheckpoint as error:
        before = [p for p in checkpoint_list.list_checkpoints(run.checkpoints) if p < path]
        hint = f"; the one before it: --checkpoint {int(before[-1].name)}" if before else ""
        raise RunError(f"{error}{hint}") from None
    return Policy(params, networks, int(path.name))


def policy_tree(normalizer: Any, policy_params: Any) -> dict[str, Any]:
    """What a checkpoint holds of a policy."""
    return {"normalizer": normalizer, "params": policy_params}


def deterministic(networks: ppo_networks.PPONetworks, tree: dict[str, Any]) -> PolicyFn:
    """Return the policy's most likely action as a function of the observation."""
    inference = ppo_networks.make_inference_fn(networks)
    policy = inference((tree["normalizer"], tree["params"]), deterministic=True)
    return lambda observation: policy(observation, jax.random.PRNGKey(0))[0]


def _initial_policy(networks: ppo_networks.PPONetworks, env: WildRobotEnv) -> dict[str, Any]:
    shapes = {
        key: specs.Array(shape, jnp.dtype("float32")) for key, shape in env.observation_size.items()
    }
    params = networks.policy_network.init(jax.random.PRNGKey(0))
    return policy_tree(running_statistics.init_state(shapes), params)
