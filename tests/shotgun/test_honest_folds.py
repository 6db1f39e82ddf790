"""A whole run on labels that are pure noise: no step may see what it is tested on, or the error would fall below that
of the mean.

Ranking, ridge regression, trees and Gaussian processes are the real ones. In the place of every training of a network
stands one that overfits as much as can be: it knows what it was trained on by heart, and is far off everywhere else. So
a leak of a single row shows, and so does a weight of what does worse.
"""

import copy
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pytest
from shotgun_library import make_library
from tiny import CHAINS, TinyPolymers, gine, same

from gnn_sim2real.baselines import Inputs, extra_trees, predict_test
from gnn_sim2real.baselines.extra_trees import EXTRA_TREES, SETTINGS
from gnn_sim2real.baselines.member import MEAN
from gnn_sim2real.library import ModelLibrary, TrainedModel
from gnn_sim2real.shotgun import finetune, members, start
from gnn_sim2real.shotgun.answer import ENSEMBLE
from gnn_sim2real.shotgun.config import ShotgunConfig
from gnn_sim2real.shotgun.features import Skipped
from gnn_sim2real.shotgun.finetune import TuningSettings, fine_tune, train_from_scratch
from gnn_sim2real.shotgun.models import QuickLoader, entries_of
from gnn_sim2real.shotgun.networks import SCRATCH, Networks, frozen_name, tuned_name
from gnn_sim2real.shotgun.probe import Probe
from gnn_sim2real.shotgun.ranking import RankingSettings, rank_models
from gnn_sim2real.shotgun.run import ShotgunResult, run_shotgun
from gnn_sim2real.shotgun.scores import ScoreCache
from gnn_sim2real.shotgun.start import make_start
from gnn_sim2real.shotgun.target import Target

RANKING = RankingSettings(finalists=2, repeats=2)
FAR_OFF = 5.0


def noise(seed=0):
    return TinyPolymers(
        {("density", "g/cm3"): np.random.default_rng(seed).normal(size=len(CHAINS)).tolist()}, test_fraction=0.2
    )


@dataclass
class Spy:
    """What was made of which rows, and which rows each of them was asked about.

    Attributes:
        learned: Rows by network.
        by_heart: Networks that know the values of their rows.
        asked: Rows that were learned from, and rows that were predicted then.
        rankings: Scores by the bytes of the training rows.
        alive: A network that is gone could leave its number to another.
    """

    learned: dict[int, Any] = field(default_factory=dict)
    by_heart: set[int] = field(default_factory=set)
    asked: list[tuple[Any, Any]] = field(default_factory=list)
    rankings: dict[bytes, Any] = field(default_factory=dict)
    alive: list[Any] = field(default_factory=list)

    def remember(self, model, rows, by_heart=False):
        self.alive.append(model.network)
        self.learned[id(model.network)] = rows
        self.by_heart |= {id(model.network)} if by_heart else set()
        return model

    def make_start(self, source, target, rows, way, seed=0):
        return self.remember(start.make_start(source, target, rows, way, seed), rows)

    def fine_tune(self, model, target, rows, tuning):
        before = self.learned[id(model.network)]
        tuned = TrainedModel(copy.deepcopy(model.network), model.featurizer, {})
        return self.remember(tuned, np.union1d(before, rows), by_heart=True)

    def train_from_scratch(self, encoder, like, target, rows, tuning):
        return self.remember(TrainedModel(copy.deepcopy(like.network), like.featurizer, {}), rows, by_heart=True)

    def predict(self, model, target, rows):
        learned = self.learned[id(model.network)]
        self.asked.append((learned, rows))
        if id(model.network) not in self.by_heart:
            return finetune.predict(model, target, rows)
        return np.where(np.isin(rows, learned), target.values[rows], target.values[learned].mean() + FAR_OFF)

    def networks(self, models, rankings, target, tuning):
        self.rankings = rankings
        return Networks(models, rankings, target, tuning)


@dataclass(frozen=True, eq=False)
class Run:
    result: ShotgunResult
    spy: Spy
    library: ModelLibrary
    num_folds: int


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    library = make_library(tmp_path_factory.mktemp("library"), planted=0, noise=3)[0]
    config = ShotgunConfig(
        foundation="none",  # whatever other tests have registered
        data=noise(),
        library=str(library.folder),
        starter=False,
        output=str(tmp_path_factory.mktemp("run")),
        seen="warn",
        folds=4,
        ranking=RANKING,
        tuning=TuningSettings(best=2),
    )
    spy = Spy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SETTINGS, "n_estimators", 20)
        for name in ("make_start", "fine_tune", "train_from_scratch", "predict"):
            patch.setattr(f"gnn_sim2real.shotgun.networks.{name}", getattr(spy, name))
        patch.setattr("gnn_sim2real.shotgun.answer.Networks", spy.networks)
        return Run(run_shotgun(config), spy, library, config.folds)


def test_nothing_is_asked_about_what_it_has_learned(run):
    """Neither in the inner folds, nor in the outer ones, nor on the test part."""
    assert len(run.spy.asked) > 10 * run.num_folds
    for learned, asked in run.spy.asked:
        assert len(learned)
        assert not np.intersect1d(learned, asked).size


def test_every_training_row_is_tested_and_no_row_of_the_test_part_is_learned_from(run):
    target = run.result.target
    assert len(target.test)
    without_one = {tuple(np.setdiff1d(target.train, learned)) for learned, _ in run.spy.asked}
    tested = [set(map(int, each)) for each in without_one if 0 < len(each) <= len(target.train) / 3]
    assert set().union(*tested) == set(target.train.tolist())
    assert sum(map(len, tested)) == len(target.train)
    for learned, _ in run.spy.asked:
        assert not np.intersect1d(learned, target.test).size


def test_every_training_starts_from_a_ranking_on_its_own_rows(run):
    """The values of all other rows are spoiled here, and the scores are still the same."""
    entries, folds = entries_of(run.library.cards()), run.num_folds
    assert len(run.spy.rankings) == 1 + folds + folds * (folds - 1) / 2
    for part, ranked in run.spy.rankings.items():
        rows = np.frombuffer(part, np.int64)
        target = Target.of_data(noise())
        target.table.values[np.setdiff1d(np.arange(len(target.table.values)), rows)] += 1e3
        quick = [0] if len(rows) < len(target.train) * (1 - 1.5 / folds) else []
        looked = [QuickLoader(run.library), entries, target, [rows], RANKING, ScoreCache(None), Skipped(), quick]
        (wanted,) = rank_models(*looked)
        assert [(each.key, each.error) for each in ranked] == [(each.key, each.error) for each in wanted]


def test_the_honest_error_is_that_of_the_mean(run):
    errors = run.result.answer.left_out_errors()
    mean = errors[MEAN].mean()
    assert set(errors) >= {ENSEMBLE, frozen_name(0), EXTRA_TREES.title, MEAN}
    for found in errors.values():
        assert found.mean() > 0.95 * mean
    assert errors[ENSEMBLE].mean() < 1.25 * mean  # two dozen rows do not tell the mean from noise around it


def test_what_does_worse_has_no_weight(run):
    """But for a few percent: what is far off on one side can move the median of the errors of the others."""
    told = {each.name: each for each in run.result.answer.stack.members}
    for name in (SCRATCH, tuned_name(0), tuned_name(1)):
        assert max(told[name].weight, *told[name].outer_weights) < 0.05
    assert sum(each.weight for each in told.values()) == pytest.approx(1)


def test_a_training_sees_the_rows_that_it_is_given_alone(run):
    """The real one: spoiled values of other rows change no weight."""
    rows, tuning = np.arange(0, 20, 2), TuningSettings(epochs=1, scratch_epochs=1)
    target, spoiled = (Target.of_data(noise()) for _ in range(2))
    spoiled.table.values[np.setdiff1d(np.arange(len(target.table.values)), rows)] += 1e3
    source = make_start(run.library.load(run.library.keys()[0]), target, rows, Probe(1))
    for train in (fine_tune, partial(train_from_scratch, gine().describe())):
        one, other = (train(source, each, rows, tuning).network.state_dict() for each in (target, spoiled))
        assert same(one, other)


def test_members_on_tables_see_the_rows_that_they_are_given_alone():
    rows, asked = np.arange(0, 20), np.arange(20, 30)
    random = np.random.default_rng(0)
    values, described = random.normal(size=30), random.normal(size=(30, 4))
    simulated = values[:, None] + 0.1 * random.normal(size=(30, 1))
    simulated[3] = np.nan
    tables = {"descriptors": described, "physical descriptors": described, "simulated": simulated, "other": described}
    values[rows[:5]] = values.min()  # so many that the two-step trees take part
    tables["library"] = described[:, :1]
    known = members.table_members(values, tables, rows, 0)
    spoiled = members.table_members(np.where(np.isin(np.arange(30), rows), values, 1e3), tables, rows, 0)
    assert len(known) == 20
    assert {"two-step trees", "two-step trees with simulated value"} <= known.keys()
    for name, member in known.items():
        found = member.fit_predict(rows, asked)
        np.testing.assert_array_equal(found, spoiled[name].fit_predict(rows, asked))
        assert np.isfinite(found).all()


def test_two_step_trees_take_part_only_where_many_of_the_measured_values_are_the_lowest():
    values, table = np.arange(30.0), np.zeros((30, 1))
    values[20:] = 0
    for rows, is_there in ((np.arange(20), False), (np.arange(10, 30), True)):
        assert ("two-step trees" in members.table_members(values, {"descriptors": table}, rows, 0)) == is_there


def test_mean_and_median_trees_are_fitted_once(monkeypatch):
    calls = []
    fit = extra_trees.fit_trees
    monkeypatch.setattr(extra_trees, "fit_trees", lambda *given: calls.append(1) or fit(*given))
    values, table, rows = np.arange(30.0) ** 2, np.arange(60.0).reshape(30, 2), np.arange(20)
    known = members.table_members(values, {"descriptors": table}, rows, 0)
    mean, median = (known[name].fit_predict(rows, np.arange(20, 30)) for name in ("extra trees", "median trees"))
    assert len(calls) == 1
    known["extra trees"].fit_predict(rows[:10], np.arange(20, 30))
    assert len(calls) == 2
    inputs = Inputs(descriptors=table)
    for found, baseline in ((mean, EXTRA_TREES), (median, extra_trees.MEDIAN_TREES)):
        np.testing.assert_array_equal(found, predict_test(baseline, inputs, values, rows, np.arange(20, 30)))
