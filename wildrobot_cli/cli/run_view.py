"""What `wildrobot run` shows: a live status line, what happens, and where the log is."""

from pathlib import Path

from wildrobot_cli.cli.console import check_json, console, write_json
from wildrobot_cli.commands.run import RunRequest, as_json, run_bundle
from wildrobot_cli.errors import ConfigError
from wildrobot_cli.runtime.keys import HELP
from wildrobot_cli.runtime.screen import plain_display
from wildrobot_cli.runtime.session import exit_code, summary
from wildrobot_cli.runtime.streams import complain


def run_and_show(request: RunRequest, json: Path | None) -> int:
    """Run a bundle, write what was asked; return the exit code."""
    _check_apart(json, request.calibration)
    check_json(json, outside=request.bundle)
    place = "a simulated robot" if request.bus is None else request.bus

    def announce() -> None:
        _say(f"running {request.bundle} on {place}", HELP)

    outcome = run_bundle(request, plain_display(), announce, _warn)
    try:
        write_json(json, as_json(outcome))
    finally:
        _say(*summary(outcome))
    return exit_code(outcome)


def _check_apart(json: Path | None, calibration: Path | None) -> None:
    """Raise `ConfigError` when results would take a calibration's place."""
    if json is not None and calibration is not None and json.resolve() == calibration.resolve():
        raise ConfigError(f"--json {json}: is the --calibration; choose another name")


def _warn(loss: str) -> None:
    complain(f"warning: {loss}")


def _say(*lines: str) -> None:
    console.print("\n".join(lines), soft_wrap=True)
