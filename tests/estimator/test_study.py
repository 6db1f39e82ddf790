"""Studies from Python: the same cells, status and law as from the command line, also without a file of the program."""

import subprocess
import sys

import pytest
from refused import refused
from studies import FEW, NUM_FEW, set_axes, write_study

from gnn_sim2real import Study
from gnn_sim2real.records.laws import Results
from gnn_sim2real.records.results import read_results

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def whole(made_once):
    folder = made_once("study_from_python", write_study)
    study = Study(folder / "study.yaml")
    assert "not planned" in repr(study)
    with refused():
        study.status()
    outcomes = study.run(workers=0)
    assert outcomes["failed"] == 0
    return study


def test_what_is_done_is_not_computed_again(whole):
    status = whole.status()
    assert (status.waiting, status.failed) == (0, 0)
    assert whole.run(workers=0) == {"cached": status.done}
    assert str(status.done) in repr(whole)


def test_the_results_are_the_records_and_the_law_is_that_of_the_report(whole):
    results = whole.results()
    assert len(results) == whole.status().done
    law = whole.law(target_size=10, policy="full")
    laws = Results(read_results(whole.config.records), "mae", whole.config.records).laws
    (same,) = [each for label, each in laws.items() if label.policy == "full"]
    assert law == same


@pytest.mark.parametrize(("wanted", "named"), [({}, "policy"), ({"target_size": 11}, "10"), ({"policy": "x"}, "full")])
def test_a_curve_that_is_not_there_or_not_the_only_one(whole, wanted, named):
    with refused(named):
        whole.law(**wanted)


def test_settings_of_the_file_are_replaced_and_wrong_ones_refused(tmp_path):
    write_study(tmp_path)
    other = Study(tmp_path / "study.yaml", output=str(tmp_path / "other"), threads=1)
    assert other.config.folder == tmp_path / "other"
    for wrong in ({"outptu": "x"}, {"threads": 0}):
        with refused():
            Study(tmp_path / "study.yaml", **wrong)
    with refused():
        other.run(workers=-1)
    with refused("none.yaml"):
        Study(tmp_path / "none.yaml")


@pytest.mark.parametrize("as_script", [True, False])
def test_processes_from_a_script_without_a_guard_and_from_a_program_without_a_file(tmp_path, as_script):
    """Like a notebook, standard input has no file that new processes could run again."""
    write_study(tmp_path)
    set_axes(tmp_path, **FEW)
    program = (
        f"from gnn_sim2real import Study\nstudy = Study({str(tmp_path / 'study.yaml')!r}, launcher='serial')\n"
        "print(study.run(workers=2)['done'])\nprint(__name__)\n"
    )
    script = tmp_path / "script.py"
    script.write_text(program)
    command = [sys.executable, *([str(script)] if as_script else ["-"])]
    done = subprocess.run(command, input=None if as_script else program, capture_output=True, text=True, check=False)
    assert done.stdout.split() == [str(NUM_FEW), "__main__"], done.stderr
