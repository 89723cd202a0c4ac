"""What `wildrobot run` shows: a live status line, what happens, and where the log is."""

from wildrobot_cli.commands.run import RunRequest, run_bundle
from wildrobot_cli.runtime.__main__ import exit_code, plain_display
from wildrobot_cli.runtime.keys import HELP


def run_and_show(request: RunRequest) -> int:
    """Run a bundle; return the exit code."""
    place = "a simulated robot" if request.bus is None else request.bus
    print(f"running {request.bundle} on {place}\n{HELP}", flush=True)
    outcome = run_bundle(request, plain_display())
    trip = outcome.trip
    if not outcome.passed and trip is not None:
        print(f"FAILED: {trip.cause}: {trip.detail}")
    print(f"log in {outcome.log}; measure it:\n  wildrobot eval {outcome.log}")
    return exit_code(outcome)
