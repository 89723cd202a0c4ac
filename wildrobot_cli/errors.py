"""What can go wrong, and the exit code that says so.

Every error that a user can cause is a `WildRobotError`: one short message that names the
thing, what was expected, what was found and, where there is one, the nearest valid choice.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class WildRobotError(Exception):
    """Root of all errors that carry a message for the user."""

    exit_code = 1


class ConfigError(WildRobotError):
    """The input was wrong: config, robot, clip, arguments, missing file. Nothing was written."""

    exit_code = 2


class RunError(ConfigError):
    """A run folder or checkpoint is missing, damaged, or belongs to something else."""


class EnvironmentUnavailable(WildRobotError):
    """It could not run here: no GPU, no OpenGL, no disk space, an engine not installed."""

    exit_code = 3


def told(error: Exception, how_to_debug: str) -> tuple[str, int]:
    """Return one message about an error that ends the program, and its exit code.

    Args:
        error: whatever it is.
        how_to_debug: how a user sees where an error that nobody expected comes from.
    """
    if isinstance(error, WildRobotError):
        return f"error: {error}", error.exit_code
    if isinstance(error, OSError):
        place = "" if error.filename is None else f"{error.filename}: "
        return f"error: {place}{error.strerror or error}", EnvironmentUnavailable.exit_code
    kind = type(error).__name__
    return f"internal error, please report it: {kind}: {error}\n{how_to_debug} shows where", 1


def suggest(name: str, valid: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the nearest valid name, else the list of valid names."""
    choices = sorted(valid)
    close = get_close_matches(name, choices, n=1, cutoff=0.6)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; valid: {', '.join(choices)}" if choices else ""
