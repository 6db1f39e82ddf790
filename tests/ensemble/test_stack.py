"""The error that an ensemble states is that of new rows, whatever its members know by heart."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from gnn_sim2real.ensemble.stack import COSTLY, Problem, StackSettings, cross_predict, fit_stack
from gnn_sim2real.ensemble.weights import RULES, combine, learn_weights, spread


@dataclass
class Told:
    """A member whose predictions are known; it notes what it was trained on."""

    name: str
    predictions: np.ndarray
    cost: float = 0.1
    trainings: list = field(default_factory=list)
    kind: str = ""

    def fit_predict(self, train, test):
        self.trainings.append((tuple(train), tuple(test)))
        return self.predictions[test]


@dataclass
class Mean:
    values: np.ndarray
    name: str = "mean"
    cost: float = 0.0
    kind: str = ""

    def fit_predict(self, train, test):
        return np.full(len(test), self.values[train].mean())


@dataclass
class Nearest:
    """Knows its training rows by heart: the value of the nearest in some random columns."""

    values: np.ndarray
    number: int
    cost: float = 0.1
    kind: str = ""

    @property
    def name(self):
        return f"nearest {self.number}"

    def fit_predict(self, train, test):
        rows = np.random.default_rng(self.number).standard_normal((len(self.values), 3))
        distance = np.linalg.norm(rows[test][:, None] - rows[train], axis=2)
        return self.values[train][distance.argmin(axis=1)]


def make_problem(values, num_train, groups=None):
    groups = [str(row) for row in range(len(values))] if groups is None else groups
    return Problem(values, groups, np.arange(num_train), np.arange(num_train, len(values)))


@pytest.mark.parametrize("rule", ["best", "one standard error", "ridge", "least absolute"])
@pytest.mark.parametrize("num_train", [20, 60])
def test_of_noise_the_honest_error_is_not_below_that_of_the_mean(rule, num_train):
    honest, real, of_mean = [], [], []
    for seed in range(12):
        values = np.random.default_rng([seed, num_train]).standard_normal(num_train + 200)
        members = [Mean(values), *(Nearest(values, number) for number in range(8))]
        stack = fit_stack(members, make_problem(values, num_train), StackSettings(rule, seed=seed))
        honest.append(stack.error[0])
        real.append(np.abs(stack.predictions - values[num_train:]).mean())
        of_mean.append(np.abs(values[num_train:] - values[:num_train].mean()).mean())
    away = np.subtract(honest, real)
    assert abs(away.mean()) < 2.5 * away.std() / 12**0.5 + 0.01
    assert np.mean(honest) > np.mean(of_mean) - 2.5 * np.std(honest) / 12**0.5


def test_no_step_sees_the_rows_that_it_is_tested_on():
    """Members do not learn here, so what the weights without a fold depend on shows in them."""
    random = np.random.default_rng(0)
    values = random.standard_normal(60)
    members = [Told(f"{number}", values + random.normal(0, 1 + number / 10, 60)) for number in range(6)]
    before = fit_stack(members, make_problem(values, 40), StackSettings("ridge"))
    for member in members:
        for train, test in member.trainings:
            assert not set(train) & set(test)
        assert len(member.trainings) == len(set(member.trainings)) == 8 * 7 / 2 + 8 + 1
    fold = next(set(test) for train, test in members[0].trainings if len(test) == 5)
    changed = values.copy()
    changed[list(fold)] += 100
    after = fit_stack(members, make_problem(changed, 40), StackSettings("ridge"))
    same = [
        [np.isclose(old, new) for old, new in zip(was.outer_weights, now.outer_weights, strict=True)]
        for was, now in zip(before.members, after.members, strict=True)
    ]
    # Only the ensemble that leaves this fold out has not noticed.
    assert np.all(same, axis=0).sum() == 1
    rows = sorted(fold)
    np.testing.assert_allclose(after.honest_predictions[rows], before.honest_predictions[rows])


def test_a_planted_perfect_member_gets_the_weight_and_is_told():
    values = np.random.default_rng(0).standard_normal(120)
    members = [Mean(values), *(Nearest(values, number) for number in range(5)), Told("perfect", values, cost=9.0)]
    for num_train in (20, 100):
        stack = fit_stack(members, make_problem(values, num_train), StackSettings())
        told = {each.name: each for each in stack.members}
        assert told["perfect"].weight > 0.999
        assert told["perfect"].error == 0
        assert np.allclose(told["perfect"].outer_weights, 1)
        assert told["nearest 1"].weight < 1e-3
        assert stack.error[0] < 1e-3
        np.testing.assert_allclose(stack.predictions, values[num_train:], atol=1e-3)


def test_the_weights_are_those_of_the_rule_on_all_folds():
    random = np.random.default_rng(0)
    values = random.standard_normal(80)
    predictions = values[:, None] + random.standard_normal((80, 4))
    predictions[::3, 2] = np.nan
    members = [Told(f"{number}", each, cost=number / 10) for number, each in enumerate(predictions.T)]
    for rule in RULES:
        stack = fit_stack(members[::-1], make_problem(values, 60), StackSettings(rule))
        weights = learn_weights(predictions[:60], values[:60], rule)
        assert [each.name for each in stack.members] == ["0", "1", "2", "3"]
        np.testing.assert_allclose([each.weight for each in stack.members], weights, atol=1e-6)
        np.testing.assert_allclose(stack.predictions, combine(predictions[60:], weights), atol=1e-6)
        np.testing.assert_allclose(stack.spread, spread(predictions[60:], weights), atol=1e-6)
        assert stack.error[0] == pytest.approx(np.abs(stack.honest_predictions - values[:60]).mean())
        assert all(each.why for each in stack.members)


def test_the_reason_of_the_plainest_member_is_its_own():
    values = np.random.default_rng(0).standard_normal(60)
    members = [Told("plain", np.zeros(60), cost=0.0), Told("good", 0.5 * values, cost=1.0)]
    plain, good = fit_stack(members, make_problem(values, 20), StackSettings()).members
    only, _ = fit_stack(
        [members[0], Told("bad", 9 - values, cost=1.0)], make_problem(values, 20), StackSettings()
    ).members
    assert good.weight > 0
    assert only.weight > 0.9
    rule = RULES[StackSettings().rule]
    assert (good.why, only.why) == (rule.chosen, rule.plainest)
    assert plain.why == (rule.plainest if plain.weight else rule.other)


def test_the_honest_spread_is_that_of_the_weights_without_the_fold():
    values = np.random.default_rng(0).standard_normal(50)
    members = [Told("above", values + 1), Told("below", values - 3)]
    stack = fit_stack(members, make_problem(values, 40), StackSettings("equal"))
    np.testing.assert_allclose(stack.honest_spread, 2)
    np.testing.assert_allclose(stack.honest_predictions, values[:40] - 1)


def test_the_error_of_a_member_counts_a_repeated_row_once_as_that_of_the_ensemble_does():
    values = np.concatenate([np.zeros(20), np.arange(20.0)])
    problem = make_problem(values, 40)
    repeated = replace(problem, train=np.repeat(problem.train, np.where(values == 0, 9, 1)))
    stack = fit_stack([Told("nothing", np.zeros(40))], repeated, StackSettings("equal"))
    assert stack.members[0].error == pytest.approx(values.mean())
    assert stack.error[0] == pytest.approx(values.mean())


def test_groups_stay_together():
    values = np.random.default_rng(0).standard_normal(60)
    groups = [str(row // 3) for row in range(60)]
    member = Told("told", values)
    fit_stack([member], make_problem(values, 45, groups), StackSettings(num_folds=4))
    for train, test in member.trainings:
        assert not {groups[row] for row in train} & {groups[row] for row in test}


def test_a_costly_member_that_cannot_help_is_left_out_early():
    random = np.random.default_rng(0)
    values = random.standard_normal(100)
    good, bad = values + 0.1 * random.standard_normal(100), values + 5 * random.standard_normal(100)
    cheap, costly = Told("cheap", bad), Told("costly", bad, cost=COSTLY)
    helpful = Told("helpful", values + 0.1 * random.standard_normal(100), cost=COSTLY)
    members = [Told("good", good, cost=0), cheap, helpful, costly]
    stack = fit_stack(members, make_problem(values, 80), StackSettings("ridge"))
    told = {each.name: each for each in stack.members}
    assert told["cheap"].num_trainings == told["helpful"].num_trainings == 37
    assert told["costly"].num_trainings < 37
    assert told["costly"].error is None
    assert "half of the folds" in told["costly"].why
    assert told["costly"].weight == 0
    assert told["helpful"].weight > 0.3
    # The cheapest is there to stay, whatever it costs.
    alone = fit_stack([Told("costly", bad, cost=COSTLY)], make_problem(values, 80), StackSettings())
    assert alone.members[0].weight == 1


class Clock:
    """Moves by a member's real cost whenever it is trained."""

    def __init__(self):
        self.seconds = 1000.0

    def __call__(self):
        return self.seconds


@dataclass
class Slow:
    clock: Clock
    name: str
    cost: float
    really: float
    values: np.ndarray
    num_trainings: int = 0
    kind: str = ""
    once: float = 0.0  # for what the first training loads

    def fit_predict(self, train, test):
        self.clock.seconds += self.really + (0 if self.num_trainings else self.once)
        self.num_trainings += 1
        return np.full(len(test), self.values[train].mean())


def test_members_without_time_are_left_out_and_told():
    values, clock = np.random.default_rng(0).standard_normal(60), Clock()
    members = [
        Slow(clock, "cheapest", 0.1, 1.0, values),  # 37 s, where one minute is given
        Slow(clock, "slower than told", 0.2, 2.0, values),
        Slow(clock, "affordable", 0.3, 0.3, values),
        Slow(clock, "dear", 30.0, 30.0, values),
    ]
    stack = fit_stack(members, make_problem(values, 40), StackSettings("equal", minutes=1.0), clock=clock)
    assert [each.num_trainings for each in members] == [37, 2, 37, 0]
    assert [each.num_trainings for each in stack.members] == [37, 2, 37, 0]
    assert ["no time" in each.why for each in stack.members] == [False, True, False, True]
    assert [each.weight for each in stack.members] == [0.5, 0, 0.5, 0]
    assert clock.seconds < 1060
    # In no time at all, the cheapest still answers.
    stack = fit_stack(members, make_problem(values, 40), StackSettings("equal", minutes=1e-3), clock=clock)
    assert [each.weight for each in stack.members] == [1, 0, 0, 0]


def test_what_only_the_first_training_loads_costs_no_member_its_place():
    values, clock = np.random.default_rng(0).standard_normal(60), Clock()
    members = [Slow(clock, "cheapest", 0.0, 0.0, values), Slow(clock, "loads", 0.2, 0.2, values, once=20.0)]
    stack = fit_stack(members, make_problem(values, 40), StackSettings("equal", minutes=1.0), clock=clock)
    assert [each.weight for each in stack.members] == [0.5, 0.5]  # 37 trainings of 20 s would take 12 minutes
    assert clock.seconds < 1060


def test_a_scale_comes_from_the_same_folds():
    values = np.random.default_rng(0).standard_normal(60)
    problem, settings = make_problem(values, 40), StackSettings(seed=3)
    found, asked = cross_predict(Mean(values), problem, settings)
    stack = fit_stack([Mean(values)], problem, settings)
    np.testing.assert_allclose(found, stack.honest_predictions)
    np.testing.assert_allclose(asked, stack.predictions)


def test_what_cannot_be_is_refused():
    values = np.arange(12.0)
    for wrong in (np.full(12, np.inf), np.arange(24.0).reshape(12, 2)):
        with pytest.raises(ValueError, match="'wrong'"):
            fit_stack([Told("wrong", wrong)], make_problem(values, 9), StackSettings())
    with pytest.raises(ValueError, match="row"):
        fit_stack([Told("nothing", np.full(12, np.nan))], make_problem(values, 9), StackSettings())
    with pytest.raises(ValueError, match="three groups"):
        fit_stack([Mean(values)], make_problem(values, 9, ["a"] * 5 + ["b"] * 7), StackSettings())
    for settings in ({"rule": "worst"}, {"num_folds": 2}, {"minutes": 0.0}):
        with pytest.raises(ValueError, match="|".join(["rule", "folds", "minutes"])):
            StackSettings(**settings)


def test_rows_that_lack_something_are_answered_by_an_ensemble_of_the_others():
    random = np.random.default_rng(0)
    values = random.standard_normal(80)
    lacks = np.arange(80) % 4 == 3
    perfect = np.where(lacks, np.nan, values)
    good, bad = values + 0.1 * random.standard_normal(80), values + 3 * random.standard_normal(80)
    members = [Mean(values), Told("perfect", perfect), Told("good", good), Told("bad", bad)]
    problem = make_problem(values, 60)
    stack = fit_stack(members, problem, StackSettings(), fallback=["mean", "good", "bad"])
    assert stack.fallback is not None
    by_name = {each.name: each.weight for each in stack.fallback.members}
    assert by_name["good"] > 0.95
    assert by_name["perfect"] == 0
    np.testing.assert_array_equal(stack.lacking, lacks[60:])
    np.testing.assert_array_equal(stack.honest_lacking, lacks[:60])
    np.testing.assert_array_equal(stack.predictions[lacks[60:]], stack.fallback.predictions[lacks[60:]])
    np.testing.assert_array_equal(stack.honest_predictions[lacks[:60]], stack.fallback.honest_predictions[lacks[:60]])
    assert np.abs(stack.predictions - values[60:])[~lacks[60:]].max() < 1e-6  # weights of the rows that lack nothing
    assert np.isfinite(stack.fallback.honest_predictions).all()  # of rows that lack nothing as well


def test_without_the_error_of_the_whole_the_answer_is_the_same_for_fewer_trainings():
    random = np.random.default_rng(1)
    values = random.standard_normal(60)
    few, many = ([Mean(values), Told("told", values + random.standard_normal(60))] for _ in range(2))
    few[1].predictions = many[1].predictions
    problem = make_problem(values, 40)
    whole = fit_stack(many, problem, StackSettings(num_folds=4))
    quick = fit_stack(few, problem, StackSettings(num_folds=4, honest=False))
    np.testing.assert_array_equal(quick.predictions, whole.predictions)
    assert (len(few[1].trainings), len(many[1].trainings)) == (5, 11)
    assert np.isnan([*quick.error, *quick.honest_predictions]).all()
