"""A run's curves on Weights & Biases, through its own package; offline mode needs no account."""

import json
import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wildrobot_cli.errors import EnvironmentUnavailable
from wildrobot_cli.training.run_folder import RunFolder, write_atomically

log = logging.getLogger(__name__)

Line = dict[str, Any]
_ALONE = ("offline", "disabled", "dryrun")
"""Values of WANDB_MODE that need no account."""


def require_wandb() -> Any:
    """Return the `wandb` package, ready to begin.

    Raises:
        EnvironmentUnavailable: it is not installed, or has no account and is not offline.
    """
    try:
        import wandb
    except ImportError:
        raise EnvironmentUnavailable(
            "--wandb needs Weights & Biases: pip install 'wildrobot[wandb]'"
        ) from None
    if os.environ.get("WANDB_MODE") not in _ALONE and not wandb.api.api_key:
        raise EnvironmentUnavailable(
            "--wandb: no account: type `wandb login`, or set WANDB_MODE=offline"
        )
    return wandb


class WandbLog:
    """Sends each line of metrics once, at its number of control steps, to one W&B run."""

    def __init__(self, run: RunFolder, lines: Sequence[Line]) -> None:
        """Begin the curves of a run, or go on with them.

        Args:
            run: the run.
            lines: its metrics so far. W&B has those of a run that is known to it, and a resumed
                training repeats them to the bit, so what they hold is not sent again.

        Raises:
            EnvironmentUnavailable: W&B is not installed, or cannot begin.
        """
        wandb = require_wandb()
        known = _known_id(run)
        try:
            self._run = wandb.init(
                project=os.environ.get("WANDB_PROJECT", "wildrobot"),
                name=run.name,
                id=known,
                resume="allow",
                dir=run.path,
                config=run.config.model_dump(mode="json"),
                settings=wandb.Settings(console="off", silent=True),
            )
        except wandb.errors.Error as error:
            raise EnvironmentUnavailable(f"--wandb: {error}") from error
        if not self._run.offline:
            log.warning("curves at %s", self._run.url)
        write_atomically(run.wandb_file, json.dumps({"id": self._run.id}) + "\n")
        self._sent = max((line["env_steps"] for line in lines), default=0) if known else 0
        for line in lines:
            self.write(line)

    def write(self, line: Mapping[str, Any]) -> None:
        """Send a line of metrics, unless it was sent before."""
        if line["env_steps"] > self._sent:
            self._sent = line["env_steps"]
            values = {k: v for k, v in line.items() if k != "env_steps" and v is not None}
            self._run.log({k: self._plotted(v) for k, v in values.items()}, step=self._sent)

    def _plotted(self, value: Any) -> Any:
        """A value as W&B draws it."""
        if not isinstance(value, dict):
            return value
        edges = np.linspace(value["low"], value["high"], len(value["shares"]) + 1)
        return require_wandb().Histogram(np_histogram=(value["shares"], edges.tolist()))

    def close(self) -> None:
        """Wait until all is sent."""
        self._run.finish()


def _known_id(run: RunFolder) -> str | None:
    """Return the run's identity on W&B; None before it has one."""
    try:
        return str(json.loads(run.wandb_file.read_text(encoding="utf-8"))["id"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
