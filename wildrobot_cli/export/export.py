"""From a run to a proved, published policy bundle."""

import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from wildrobot_cli.config.schema import Config
from wildrobot_cli.errors import EnvironmentUnavailable
from wildrobot_cli.export import proof
from wildrobot_cli.export.files import (
    bundle_folder,
    check_target,
    publish,
    write_bundle,
    zip_of,
)
from wildrobot_cli.export.job import Export, Job
from wildrobot_cli.export.traces import record
from wildrobot_cli.runtime.bundles.bundle import open_bundle
from wildrobot_cli.training.run_folder import RunFolder, open_run

Report = Callable[[str], None]
"""Told what is being done."""


def export_bundle(
    run: RunFolder | Path | str,
    out: Path | None = None,
    checkpoint: str | None = None,
    quantize: bool = False,
    config: Config | None = None,
    seed: int | None = None,
    on_progress: Report = lambda _: None,
) -> Export:
    """Write a run's policy as a bundle, prove it, and publish it only if the proof holds.

    Args:
        run: the run, or its folder.
        out: folder to write; `bundle` in the run when None. A bundle that is there is replaced.
        checkpoint: `best`, `latest` or a number of control steps; the newest when None.
        quantize: also write a policy with weights of 8 bits.
        config: to build the environment and the bundle with; the run's own when None.
        seed: of the proof's rollouts and observations; the configuration's when None.
        on_progress: called with what is being done.

    Raises:
        ConfigError: the run, checkpoint or configuration does not fit, or `out` is something else.
        EnvironmentUnavailable: onnx or onnxruntime is missing, or the disk refuses.
    """
    require_onnx()
    run = run if isinstance(run, RunFolder) else open_run(Path(run))
    target = bundle_folder(run, out)
    check_target(target)
    with _folder_beside(target) as folder:
        on_progress("loading the policy")
        job = Job.of(run, checkpoint, quantize, config, seed)
        on_progress("recording rollouts")
        trace = record(job.env, job.policy.act, proof.ROLLOUTS, job.seed)
        on_progress("writing the bundle")
        files, aside = job.files(trace), folder / target.name
        with _written(target):
            write_bundle(aside, files)
            on_progress("proving it")
            result = job.prove(open_bundle(zip_of(aside)), trace, folder, target)
            if result.passed:
                check_target(target)  # again: proving takes a while
                publish(aside, target)
        return result


@contextmanager
def _folder_beside(target: Path) -> Iterator[Path]:
    """Make a folder on the disk where a bundle will be; nothing of it is left after the block.

    It has its name before it is there: a signal may end the program right after it was made.
    """
    folder = target.parent / f".proving-{secrets.token_hex(8)}"
    try:
        with _written(target):
            folder.mkdir(mode=0o700)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _written(target: Path) -> Iterator[None]:
    """Within the block, what the disk refuses is the bundle."""
    try:
        yield
    except OSError as error:
        raise EnvironmentUnavailable(f"{target}: cannot write: {error.strerror}") from error


def require_onnx() -> None:
    """Raise `EnvironmentUnavailable` where a bundle cannot be made."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise EnvironmentUnavailable(
            f"export needs {error.name}: pip install 'wildrobot[export]'"
        ) from None
