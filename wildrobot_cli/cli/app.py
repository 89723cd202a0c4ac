"""The command line: parsing, printing and exit codes. The work is done in `commands`.

Nothing heavy is imported here: `wildrobot --help` must answer at once.
"""

import sys
from typing import Annotated, NoReturn

import typer

from wildrobot_cli.cli import deploying, learning, measuring
from wildrobot_cli.cli.motion_app import motion
from wildrobot_cli.cli.options import ReportCommand
from wildrobot_cli.errors import told
from wildrobot_cli.runtime.ending import end_on_signals
from wildrobot_cli.runtime.streams import complain, escape_letters

app = typer.Typer(
    name="wildrobot",
    help="From a small legged robot's model to a policy that walks on its servos.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

app.command()(measuring.validate)
app.command()(learning.train)
app.command()(measuring.bench)
app.command(name="eval", cls=ReportCommand)(measuring.evaluate)
app.command()(measuring.replay)
app.command()(deploying.export)
app.command()(deploying.run)
app.add_typer(motion, name="motion")

_debug = False


@app.callback()
def common(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """From a small legged robot's model to a policy that walks on its servos."""
    global _debug  # noqa: PLW0603
    _debug = debug


def main() -> NoReturn:
    """Run the command line; every error becomes one message and an exit code."""
    end_on_signals()
    escape_letters()
    try:
        app(standalone_mode=True)
    except Exception as error:
        if _debug:
            raise
        message, code = told(error, "`wildrobot --debug COMMAND ...`")
        complain(message)
        sys.exit(code)
    sys.exit(0)
