"""Saving a training's whole state beside the training, and getting it back."""

import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import jax
from brax.training.agents.ppo.losses import PPONetworkParams

from wildrobot_cli.config.schema import CheckpointConfig
from wildrobot_cli.errors import RunError
from wildrobot_cli.training import checkpoint_list, checkpoints
from wildrobot_cli.training.background import Background
from wildrobot_cli.training.judge import Judge
from wildrobot_cli.training.learner import Learner, TrainingState
from wildrobot_cli.training.policy import policy_tree
from wildrobot_cli.training.run_folder import RunFolder

log = logging.getLogger(__name__)


class Saver:
    """Saves the training state when it is time to.

    The training waits for the score and for a copy, which is written in the background. Leaving
    the context waits for the writing to end.
    """

    def __init__(
        self,
        run: RunFolder,
        settings: CheckpointConfig,
        steps_per_iteration: int,
        robot_fingerprint: str,
        judge: Judge | None,
        copied: Callable[[Any], Any],
        saved: int | None,
    ) -> None:
        """Prepare to save.

        Args:
            run: where to.
            settings: when to, and what to keep.
            steps_per_iteration: control steps in an iteration.
            robot_fingerprint: of the robot that is trained.
            judge: scores the policies; None does not.
            copied: makes copies of arrays: the next iteration overwrites its input.
            saved: the iteration whose checkpoint the training starts from; None for a new one.
        """
        self._run = run
        self._settings = settings
        self._steps = steps_per_iteration
        self._fingerprint = robot_fingerprint
        self._judge = judge
        self._copied = copied
        self._saved = saved
        self._last = time.perf_counter()
        self._writer = Background()

    def due(self, iteration: int) -> bool:
        """Whether enough seconds or iterations have passed since the last time."""
        self._writer.check()
        every = self._settings.every_iterations
        if every is not None and iteration - (self._saved or 0) >= every:
            return True
        return time.perf_counter() - self._last >= self._settings.every_seconds

    def save(self, state: TrainingState, iteration: int) -> None:
        """Begin to save, unless this iteration is saved already."""
        if iteration == self._saved:
            return
        policy = policy_tree(state.normalizer, state.params.policy)
        score = self._judge.score(policy) if self._judge else None
        trees = self._copied((policy, trainer_tree(state)))
        self._writer.start(partial(self._write, iteration * self._steps, trees, score))
        self._saved, self._last = iteration, time.perf_counter()

    def _write(self, env_steps: int, trees: Any, score: checkpoint_list.Score | None) -> None:
        policy, trainer = jax.device_get(trees)
        folder = self._run.checkpoints
        checkpoints.save(folder, env_steps, policy, trainer, self._fingerprint, score)
        checkpoint_list.prune(folder, self._settings.keep)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait until what was begun is written; an error that is on its way goes first."""
        try:
            self._writer.finish()
        except Exception:
            if error is None:
                raise


def trainer_tree(state: TrainingState) -> dict[str, Any]:
    """What a checkpoint holds beside the policy."""
    tree = {
        "value": state.params.value,
        "optimizer": state.optimizer,
        "env": state.env,
        "key": state.key,
        "iteration": state.iteration,
    }
    return tree if state.amp is None else tree | {"amp": state.amp}


def restore_newest(
    run: RunFolder, learner: Learner, robot_fingerprint: str
) -> TrainingState | None:
    """Read the newest checkpoint that is whole; set aside, and say so, those that are not.

    Returns:
        The state; None when the run ended before its first checkpoint.

    Raises:
        RunError: none is whole; the message is about the newest.
    """
    damaged: dict[Path, RunError] = {}
    for checkpoint in reversed(checkpoint_list.list_checkpoints(run.checkpoints)):
        try:
            state = restore_state(checkpoint, learner, robot_fingerprint)
        except RunError as problem:
            damaged[checkpoint] = problem
            continue
        for path, reason in damaged.items():
            aside = checkpoint_list.set_aside(path).name
            log.warning("%s; set aside as %s, going on from %s", reason, aside, checkpoint.name)
        return state
    if damaged:
        raise next(iter(damaged.values()))
    log.warning("%s: no checkpoint in it; starting from its seed", run.path)
    return None


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
        amp=rest.get("amp"),
    )
