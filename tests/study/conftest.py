"""Studies small enough for a test."""

import contextlib
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from studies import FEW, set_axes, write_study

from gnn_sim2real.cli.main import main


@pytest.fixture
def study_files(tmp_path: Path) -> Path:
    """Folder with source and target tables and the YAMLs of a small study; `study.yaml` is the one to run."""
    return write_study(tmp_path)


@pytest.fixture
def few(study_files: Path) -> Path:
    """The same with a part of the grid, for tests to which any grid will do."""
    set_axes(study_files, **FEW)
    return study_files


@pytest.fixture(scope="session")
def undisturbed(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """Output folder of such a study, run to its end once for all tests, which write nothing to it.

    Its files are in the folder above.
    """

    def make(folder: Path) -> None:
        write_study(folder)
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            assert main(["study", "run", "-c", str(folder / "study.yaml")]) == 0
        (folder / "printed.txt").write_text(output.getvalue())

    return made_once("undisturbed", make) / "out"
