"""The order of jobs: every cell once, no cell before its model, whatever happens on the way."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gnn_sim2real.study import schedule as schedule_module
from gnn_sim2real.study.config import Shard
from gnn_sim2real.study.grid import GridPoint
from gnn_sim2real.study.plan import JobPlan, Present, select_shard
from gnn_sim2real.study.resolve import Job
from gnn_sim2real.study.schedule import Schedule

schedule_module.PAUSE = 0.0


def make_plan(sizes):
    """Cells by the number that each model serves; the first number is of cells without a model."""
    point = GridPoint(None, 1, 1, 0, 0, "full")
    cells, models = [], {}
    for group, size in enumerate(sizes):
        model = f"model {group}" if group else None
        if model:
            models[model] = Job(model, point, None, True)
        cells += [Job(f"cell {group}.{number}", point, model, False) for number in range(size)]
    return JobPlan(tuple(cells), {key: job for key, job in models.items() if any(cell.model == key for cell in cells)})


def work_off(schedule, workers, outcome_of):
    """Run a schedule with some workers; the jobs in the order in which they were started."""
    started, running = [], []
    while not schedule.is_finished:
        while len(running) < workers and (job := schedule.next()) is not None:
            running.append(job)
            started.append(job)
        job = running.pop(0)
        outcome = outcome_of(job)
        schedule.give_back(job) if outcome == "lost" else schedule.settle(job, outcome)
    return started


sizes = st.lists(st.integers(0, 5), min_size=1, max_size=6)


@given(sizes=sizes, workers=st.integers(1, 4), data=st.data())
def test_every_cell_has_one_outcome(sizes, workers, data):
    plan = make_plan(sizes)
    keys = [job.key for job in plan.cells]
    there = data.draw(st.sets(st.sampled_from(keys or [""])))
    models = data.draw(st.sets(st.sampled_from(sorted(plan.models) or [""])))
    finished, outcomes, trouble = set(models), Counter(), Counter()

    def outcome_of(job):
        assert job.model is None or job.model in finished, "a cell before its model"
        assert job.key not in outcomes, "twice"
        if trouble[job.key] < 2 and data.draw(st.booleans()):
            trouble[job.key] += 1
            return data.draw(st.sampled_from(["lost", "elsewhere"]))
        outcome = data.draw(st.sampled_from(["done", "failed", "cached"]))
        outcomes[job.key] = outcome
        if job.is_pretraining and outcome != "failed":
            finished.add(job.key)
        return outcome

    schedule = Schedule(plan, Present(frozenset(there), frozenset(models)))
    work_off(schedule, workers, outcome_of)
    assert schedule.outcomes.total() == len(keys)
    assert schedule.next() is None
    failed_models = {key for key, outcome in outcomes.items() if key in plan.models and outcome == "failed"}
    for job in plan.cells:
        assert (job.key in outcomes) == (job.key not in there and job.model not in failed_models)
    needed = {job.model for job in plan.cells if job.key not in there}
    assert outcomes.keys() & plan.models.keys() <= needed, "a model that no cell needs"


@given(sizes=sizes)
def test_a_model_is_used_up_before_another_is_made(sizes):
    plan = make_plan(sizes)
    started = work_off(Schedule(plan, Present(frozenset(), frozenset())), 1, lambda job: "done")
    groups = [job.key if job.is_pretraining else job.model for job in started]
    assert [group for group, before in zip(groups, [object(), *groups], strict=False) if group != before] == [
        group for number, group in enumerate(dict.fromkeys(groups))
    ]


def test_what_failed_before_is_not_tried():
    plan = make_plan([2, 3])
    schedule = Schedule(plan, Present(frozenset(), frozenset()), ["cell 0.1", "model 1"])
    started = work_off(schedule, 1, lambda job: "done")
    assert [job.key for job in started] == ["cell 0.0"]
    assert schedule.outcomes == Counter(done=1, failed=4)


@given(sizes=sizes, count=st.integers(1, 7))
def test_shards_are_a_partition_by_model(sizes, count):
    plan = make_plan(sizes)
    parts = [select_shard(plan, Shard(number, count)) for number in range(1, count + 1)]
    keys = [job.key for part in parts for job in part.cells]
    assert sorted(keys) == sorted(job.key for job in plan.cells)
    owners = [key for part in parts for key in part.models]
    assert sorted(owners) == sorted(plan.models)
    for part in parts:
        assert {job.model for job in part.cells if job.model} == set(part.models)


def test_no_shard_gets_all_large_sources():
    """Four source sizes for each seed, four parts."""
    plan = make_plan([0] + [1] * 16)
    for number in range(1, 5):
        sizes = {int(key.split()[1]) % 4 for key in select_shard(plan, Shard(number, 4)).models}
        assert sizes == {0, 1, 2, 3}
