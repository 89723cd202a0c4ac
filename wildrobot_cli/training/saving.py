"""Saving a training's whole state, and getting it back."""

import time
from pathlib import Path
from typing import Any

import jax
from brax.training.agents.ppo.losses import PPONetworkParams

from wildrobot_cli.config.schema import Config
from wildrobot_cli.env.environment import WildRobotEnv
from wildrobot_cli.training import checkpoints
from wildrobot_cli.training.learner import Learner, TrainingState
from wildrobot_cli.training.policy import policy_tree
from wildrobot_cli.training.progress import Schedule
from wildrobot_cli.training.run_folder import RunFolder


class Saver:
    """Saves the training state when it is time to."""

    def __init__(
        self, run: RunFolder, config: Config, env: WildRobotEnv, schedule: Schedule
    ) -> None:
        self._run = run
        self._settings = config.checkpoints
        self._fingerprint = env.robot.fingerprint
        self._steps = schedule.steps_per_iteration
        self._last = time.perf_counter()

    def save_if_due(self, state: TrainingState, iteration: int) -> None:
        """Save when `every_seconds` have passed since the last time."""
        if time.perf_counter() - self._last >= self._settings.every_seconds:
            self.save(state, iteration)

    def save(self, state: TrainingState, iteration: int) -> None:
        """Save now."""
        checkpoints.save(
            self._run.checkpoints,
            iteration * self._steps,
            policy=policy_tree(state.normalizer, state.params.policy),
            trainer=trainer_tree(state),
            robot_fingerprint=self._fingerprint,
            keep=self._settings.keep,
        )
        self._last = time.perf_counter()


def trainer_tree(state: TrainingState) -> dict[str, Any]:
    """What a checkpoint holds beside the policy."""
    return {
        "value": state.params.value,
        "optimizer": state.optimizer,
        "env": state.env,
        "key": state.key,
        "iteration": state.iteration,
    }


def restore_state(checkpoint: Path, learner: Learner, robot_fingerprint: str) -> TrainingState:
    """Read the whole training state of a checkpoint.

    Raises:
        RunError: it is damaged, or of another robot, network or batch shape.
    """
    like = jax.eval_shape(learner.init, jax.random.PRNGKey(0))
    wanted = policy_tree(like.normalizer, like.params.policy)
    policy = checkpoints.restore(checkpoint, checkpoints.POLICY, wanted, robot_fingerprint)
    rest = checkpoints.restore(
        checkpoint, checkpoints.TRAINER, trainer_tree(like), robot_fingerprint
    )
    return TrainingState(
        params=PPONetworkParams(policy=policy["params"], value=rest["value"]),
        normalizer=policy["normalizer"],
        optimizer=rest["optimizer"],
        env=rest["env"],
        key=rest["key"],
        iteration=rest["iteration"],
    )
