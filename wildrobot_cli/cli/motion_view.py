"""What `wildrobot motion` shows."""

from collections.abc import Iterable
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any

from rich.text import Text

from wildrobot_cli.cli.animating import show_video
from wildrobot_cli.cli.console import check_json, console, mark, show_table, write_json
from wildrobot_cli.commands import motion
from wildrobot_cli.commands.motion import Verdict
from wildrobot_cli.motion.checks import Check, failures
from wildrobot_cli.motion.clip import Clip
from wildrobot_cli.motion.importers import ImportOptions, licence_warning


def show_list(robot: str, folder: Path | None, json: Path | None) -> None:
    """Print a table of clips."""
    check_json(json)
    clips = motion.list_clips(robot, folder)
    columns = ("clip", "seconds", "m/s", "rad/s", "strides/s", "kind", "kept from training")
    show_table(f"{len(clips)} clips", columns, [_row(clip) for clip in clips])
    console.print(f"{sum(clip.seconds for clip in clips):.1f} s, and as much mirrored")
    for licence in sorted({clip.licence for clip in clips}):
        console.print(f"licence: {licence}")
    for source in sorted({clip.source for clip in clips}):
        console.print(source)
    write_json(json, {"clips": [_summary(clip) for clip in clips]})


def show_making(recipe: Path | None, out: Path, only: list[str], json: Path | None) -> bool:
    """Make clips, a line for each; return whether all passed."""
    check_json(json)
    verdicts = motion.make(recipe, out, only, partial(_show_made, out))
    kept = [verdict for verdict in verdicts if verdict.passed]
    seconds = sum(clip.seconds for clip in _clips(kept))
    console.print(f"{len(kept)} of {len(verdicts)} clips in {out}, {seconds:.1f} s")
    write_json(json, _results(verdicts))
    return len(kept) == len(verdicts)


def show_import(robot: str, file: Path, options: ImportOptions, out: Path) -> None:
    """Import a file; print what came of it."""
    clip = motion.import_file(robot, file, options, out)
    warning = licence_warning(clip.licence)
    if warning:
        console.print(f"warning: {out}: {warning}", style="yellow")
    if (clip.source, clip.licence) != (options.source, options.licence):
        kept = f"source '{clip.source}', licence '{clip.licence}'"
        console.print(f"{file} is a clip already and keeps its own {kept}", soft_wrap=True)
    console.print(f"{clip.frames} frames, {clip.seconds:.2f} s, in {out}")
    console.print(f"next: wildrobot motion check {out}")


def show_checks(robot: str, clips: list[str], json: Path | None) -> bool:
    """Check clips, one in a table, several in a line each; return whether all passed."""
    check_json(json)
    display = _show_table if len(clips) == 1 else _show_line
    verdicts = motion.check(robot, clips, display)
    write_json(json, _results(verdicts))
    for clip in _clips(verdicts):
        warning = licence_warning(clip.licence)
        if warning:
            console.print(f"warning: {clip.name}: {warning}", style="yellow")
    for verdict in verdicts:
        for line in failures(verdict.name, verdict.checks):
            console.print(mark(False, f": {line}"), soft_wrap=True)
    return all(verdict.passed for verdict in verdicts)


def show_preview(robot: str, clip: str, video: Path | None, plot: Path | None) -> None:
    """Write an animation and a plot of a clip."""
    show_video(video, motion.preview(robot, clip, video, plot))
    if plot is not None:
        console.print(f"plot in {plot}", soft_wrap=True)


def _clips(verdicts: Iterable[Verdict]) -> list[Clip]:
    return [verdict.clip for verdict in verdicts if verdict.clip is not None]


def _show_made(out: Path, verdict: Verdict) -> None:
    """Show a line; of a clip that failed, also which file of that name it leaves as it was."""
    _show_line(verdict)
    earlier = motion.clip_file(out, verdict.name)
    if not verdict.passed and earlier.is_file():
        console.print(f"{earlier} was made earlier and stays as it was", soft_wrap=True)


def _show_line(verdict: Verdict) -> None:
    failed = [check for check in verdict.checks if not check.passed]
    seconds = "    -" if verdict.clip is None else f"{verdict.clip.seconds:5.2f}"
    line = Text.assemble(f"{verdict.name:24} {seconds} s  ", mark(verdict.passed))
    for check in failed:
        line.append(f"  {check.name}: {_figure(check)}, expected {check.allowed};")
    console.print(line)


def _show_table(verdict: Verdict) -> None:
    rows: list[tuple[str, ...]] = [
        (c.name, _figure(c), c.allowed, _mark(c)) for c in verdict.checks
    ]
    show_table(verdict.name, ("check", "measured", "allowed", ""), rows)


def _mark(check: Check) -> str:
    return "-" if check.value is None else "passed" if check.passed else "FAILED"


def _figure(check: Check) -> str:
    return "-" if check.value is None else f"{check.value:.3g}"


def _row(clip: Clip) -> tuple[str, ...]:
    forward, _, turning = clip.command.mean(axis=0)
    kind = "loop" if clip.loop else "once"
    held = "yes" if clip.held_out else ""
    figures = (f"{clip.seconds:.2f}", f"{forward:.3f}", f"{turning:.2f}", f"{clip.frequency:.2f}")
    return (clip.name, *figures, kind, held)


def _summary(clip: Clip) -> dict[str, Any]:
    return {
        "name": clip.name,
        "seconds": clip.seconds,
        "frames": clip.frames,
        "command": [float(value) for value in clip.command.mean(axis=0)],
        "frequency": clip.frequency,
        "loop": clip.loop,
        "held_out": clip.held_out,
        "licence": clip.licence,
        "source": clip.source,
    }


def _results(verdicts: list[Verdict]) -> dict[str, Any]:
    """What is written for machines; values that are not finite become null."""
    return {
        "passed": all(verdict.passed for verdict in verdicts),
        "clips": {
            verdict.name: {
                "passed": verdict.passed,
                "checks": [
                    {
                        "name": c.name,
                        "value": _plain(c.value),
                        "passed": c.passed,
                        "allowed": c.allowed,
                    }
                    for c in verdict.checks
                ],
            }
            for verdict in verdicts
        },
    }


def _plain(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None
