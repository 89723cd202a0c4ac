"""What the tests of exports share."""

import pytest


@pytest.fixture
def prove(prepared, tmp_path):
    """Prove files on a few of the rollouts."""
    from wildrobot_cli.export.files import write_bundle, zip_of
    from wildrobot_cli.runtime.bundles.bundle import open_bundle

    def run(files):
        folder = tmp_path / "bundle"
        write_bundle(folder, files)
        few = {name: rows[:, :4] for name, rows in prepared.trace.items()}
        return prepared.job.prove(open_bundle(zip_of(folder)), few, tmp_path, folder)

    return run
