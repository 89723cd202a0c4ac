"""One tiny run, exported once."""

from pathlib import Path
from typing import NamedTuple

import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


class Prepared(NamedTuple):
    """An export before its proof."""

    job: object
    trace: dict
    files: dict


@pytest.fixture(scope="session")
def prepared(trained) -> Prepared:
    """The tiny run's files and the rollouts they are held against. Change copies alone."""
    from wildrobot_cli.export import proof
    from wildrobot_cli.export.job import Job
    from wildrobot_cli.export.traces import record
    from wildrobot_cli.training.run_folder import open_run

    job = Job.of(open_run(Path(trained[0].run)), None, quantize=True)
    trace = record(job.env, job.policy.act, proof.ROLLOUTS, job.config.seed)
    return Prepared(job, trace, job.files(trace))


@pytest.fixture
def prove(prepared, tmp_path):
    """Prove files on a few of the rollouts."""
    from wildrobot_cli.export.files import write_bundle, zip_of
    from wildrobot_cli.runtime.bundle import open_bundle

    def run(files):
        folder = tmp_path / "bundle"
        write_bundle(folder, files)
        few = {name: rows[:, :4] for name, rows in prepared.trace.items()}
        return prepared.job.prove(open_bundle(zip_of(folder)), few, tmp_path, folder)

    return run
