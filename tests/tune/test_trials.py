"""The trials in their file: begun once, judged by the median, gone on with after a stop; nothing is trained."""

import multiprocessing
import os
import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from gnn_sim2real.launchers.claims import Claims
from gnn_sim2real.tune.run import Queue
from gnn_sim2real.tune.settings import TuneSettings
from gnn_sim2real.tune.space import Choices, Range
from gnn_sim2real.tune.trials import DATABASE, About, Trials

SPACE = {"model.x": Range(0.01, 1.0, log=True, step=None, whole=False), "model.p": Choices(("a", {"class_path": "B"}))}
CONTENT = {"model": {"hidden_dim": 8}, "seed": 0}


@pytest.fixture(scope="module")
def blank(tmp_path_factory):
    """A tuning without trials: Optuna needs a second for its tables."""
    folder = tmp_path_factory.mktemp("blank")
    Trials(folder, SPACE, CONTENT, 0, True).close()
    return folder


@pytest.fixture
def opened(tmp_path, blank):
    """Opens the trials of a folder; closed with the test."""
    every = []

    def make(name="tuning", content=CONTENT, prunes=True, seed=0):
        if not (tmp_path / name).exists():
            shutil.copytree(blank, tmp_path / name)
        every.append(Trials(tmp_path / name, SPACE, content, seed, prunes))
        with every[-1]._storage.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA synchronous = OFF")  # no power fails here, and a disk may be slow
        return every[-1]

    yield make
    for each in every:
        each.close()


def error_of(values):
    """Least at x = 0.1."""
    return abs(np.log10(values["model.x"]) + 1) + (values["model.p"] == "a")


def run(trials, most, start=None):
    """Compute trials that cost nothing; the values of each."""
    found = []
    while (job := trials.begin(most, start, may_add=True)) is not None:
        trials.end(job, float(error_of(job.values)), About(epochs=3.0))
        trials.release(job.number)
        found.append(job.values)
    return found


def test_a_tuning_that_was_stopped_tries_what_an_undisturbed_one_does(opened):
    whole = run(opened("whole"), 12)
    first = opened("stopped")
    run(first, 4)
    lost = first.begin(12, None, may_add=True)
    first.close()  # of a process that was killed: it runs in the file, and nobody holds it
    second = opened("stopped")
    again = second.begin(12, None, may_add=True)
    assert (again.number, again.values) == (lost.number, lost.values) == (4, whole[4])
    second.end(again, float(error_of(again.values)))
    second.release(4)
    run(second, 12)
    assert [second.values_of(each) for each in second.all()] == whole
    assert {each.state.name for each in second.all()} == {"COMPLETE"}


@pytest.mark.slow
def test_another_seed_tries_other_values(opened):
    assert run(opened("a", seed=0), 3) != run(opened("b", seed=1), 3)


def test_the_values_of_the_yaml_come_first(opened):
    start = {"model.x": 0.5, "model.p": {"class_path": "B"}}
    assert run(opened(), 3, start)[0] == start


@pytest.mark.slow
def test_later_trials_are_better_than_the_first_ones(opened):
    errors = [error_of(values) for values in run(opened(), 40)]
    assert np.mean(errors[25:]) < 0.75 * np.mean(errors[:10])


def test_two_processes_never_have_the_same_trial(opened):
    mine, others = opened(), opened()
    jobs = [each.begin(5, None, may_add=True) for each in (mine, others, mine, others, mine)]
    assert sorted(job.number for job in jobs) == [0, 1, 2, 3, 4]
    assert mine.begin(5, None, may_add=True) is None
    assert others.begin(5, None, may_add=True) is None


def _begin_and_die(folder):
    trials = Trials(Path(folder), SPACE, CONTENT, 0, True)
    trials.begin(9, None, may_add=True)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_a_trial_of_a_dead_process_is_begun_again(opened, tmp_path):
    opened().close()
    dead = multiprocessing.get_context("fork").Process(target=_begin_and_die, args=(str(tmp_path / "tuning"),))
    dead.start()
    dead.join()
    assert dead.exitcode == -signal.SIGKILL
    assert len(list((tmp_path / "tuning/claims").glob("*.json"))) == 1
    job = opened().begin(9, None, may_add=False)
    assert job is not None
    assert job.number == 0


def test_a_trial_is_pruned_if_it_is_worse_than_the_median(opened):
    trials = opened()
    for number in range(5):
        job = trials.begin(20, None, may_add=True)
        assert not any(trials.judge(job, 1.0 + number, tenth) for tenth in range(1, 10)), "too few to compare with"
        trials.end(job, 1.0 + number)
        trials.release(job.number)
    good, bad, late = (trials.begin(20, None, may_add=True) for _ in range(3))
    assert not trials.judge(good, 2.9, 5)
    assert trials.judge(bad, 3.1, 5)
    assert not trials.judge(late, 99.0, 2), "within the warm-up"
    assert trials.judge(late, 99.0, 3)
    assert not trials.judge(late, 99.0, 3), "each tenth is asked for once"
    trials.end(bad, None, About(epochs=1.5))
    assert trials.all()[bad.number].state.name == "PRUNED"
    assert trials.about(trials.all()[bad.number]).epochs == 1.5


@pytest.mark.slow
def test_without_pruning_no_trial_ends_early(opened):
    trials = opened(prunes=False)
    run(trials, 8)
    job = trials.begin(20, None, may_add=True)
    assert not any(trials.judge(job, 1e9, tenth) for tenth in range(1, 10))


def test_another_tuning_in_the_folder_is_refused(opened):
    opened().close()
    with pytest.raises(ValueError, match=r"model\.hidden_dim.*8.*16"):
        opened(content={"model": {"hidden_dim": 16}, "seed": 0})


def test_a_file_that_is_no_database_is_refused_and_stays(opened, tmp_path):
    (tmp_path / "tuning").mkdir()
    (tmp_path / "tuning" / DATABASE).write_text("a diary\n" * 200)
    with pytest.raises(ValueError, match="--output"):
        opened()
    assert (tmp_path / "tuning" / DATABASE).read_text() == "a diary\n" * 200


@pytest.mark.parametrize("kind", ["tables", "beside", "study", "same name"])
def test_a_database_of_something_else_is_refused_and_stays(opened, blank, tmp_path, kind):
    folder = tmp_path / "tuning"
    folder.mkdir()
    if kind in ("study", "same name"):
        shutil.copy(blank / DATABASE, folder)
        with closing(sqlite3.connect(folder / DATABASE)) as database, database:
            database.execute("DELETE FROM study_user_attributes")
            if kind == "study":
                database.execute("UPDATE studies SET study_name = 'mine'")
            else:
                database.execute("INSERT INTO trials (number, study_id, state) VALUES (0, 1, 'COMPLETE')")
    else:
        if kind == "beside":
            shutil.copy(blank / DATABASE, folder)
        with closing(sqlite3.connect(folder / DATABASE)) as database, database:
            database.execute("CREATE TABLE diary (day TEXT)")
    before = (folder / DATABASE).read_bytes()
    with pytest.raises(ValueError, match="--output"):
        opened()
    assert (folder / DATABASE).read_bytes() == before
    if kind != "same name":
        assert [each.name for each in folder.iterdir()] == [DATABASE]


@pytest.mark.slow
def test_a_failed_trial_counts_and_keeps_its_reason(opened):
    trials = opened()
    job = trials.begin(2, None, may_add=True)
    trials.fail(job.number, About(reason="diverged"))
    assert trials.about(trials.all()[0]).reason == "diverged"
    assert len(run(trials, 2)) == 1


def drain(queue, trials, epochs):
    """Compute all that a queue gives, each trial with some epochs."""
    count = 0
    while not queue.is_finished:
        if (job := queue.next()) is None:
            continue
        trials.end(job, 1.0, About(epochs=epochs))
        queue.settle(job, "done")
        count += 1
    return count


def test_a_budget_of_epochs_is_the_same_for_long_and_short_trials(opened):
    settings = TuneSettings(trials=50, epochs=60)
    long, short = opened("long"), opened("short")
    assert drain(Queue(long, settings, None), long, 20.0) == 3
    assert drain(Queue(short, settings, None), short, 7.5) == 8
    assert drain(Queue(short, settings, None), short, 7.5) == 0, "again, and nothing is left"


def test_no_trial_begins_after_the_minutes(opened):
    trials, now = opened(), [0.0]
    queue = Queue(trials, TuneSettings(minutes=2.0), None, clock=lambda: now[0])
    job = queue.next()
    now[0] = 119.0
    assert queue.next() is not None
    now[0] = 120.0
    assert queue.next() is None
    assert not queue.is_finished, "two are running"
    queue.give_back(job)
    assert queue.next() is job, "one that was lost is not new"


@pytest.mark.slow
def test_claims_end_with_the_trials(opened, tmp_path):
    trials = opened()
    trials.begin(2, None, may_add=True)
    assert [each.key for each in Claims(tmp_path / "tuning/claims").running()] == ["0"]
    trials.close()
    assert Claims(tmp_path / "tuning/claims").running() == []
