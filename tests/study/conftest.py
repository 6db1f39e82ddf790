"""Studies small enough for a test."""

import contextlib
import io
from pathlib import Path

import pytest
from studies import write_study

from gnn_sim2real.cli.main import main


@pytest.fixture
def study_files(tmp_path: Path) -> Path:
    """Folder with source and target tables and the YAMLs of a small study; `study.yaml` is the one to run."""
    return write_study(tmp_path)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output folder of such a study, run once and to its end; its files are in the folder above."""
    folder = write_study(tmp_path_factory.mktemp("undisturbed"))
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        assert main(["study", "run", "-c", str(folder / "study.yaml")]) == 0
    (folder / "printed.txt").write_text(output.getvalue())
    return folder / "out"
