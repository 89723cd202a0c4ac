"""What `wildrobot run` shows: a live status line, what happens, and where the log is."""

from pathlib import Path

from wildrobot_cli.cli.console import check_json, write_json
from wildrobot_cli.commands.run import RunRequest, as_json, run_bundle
from wildrobot_cli.runtime.keys import HELP
from wildrobot_cli.runtime.screen import plain_display
from wildrobot_cli.runtime.session import exit_code, summary


def run_and_show(request: RunRequest, json: Path | None) -> int:
    """Run a bundle, write what was asked; return the exit code."""
    check_json(json, outside=request.bundle)
    place = "a simulated robot" if request.bus is None else request.bus

    def announce() -> None:
        print(f"running {request.bundle} on {place}\n{HELP}", flush=True)

    outcome = run_bundle(request, plain_display(), announce)
    print("\n".join(summary(outcome)))
    write_json(json, as_json(outcome))
    return exit_code(outcome)
