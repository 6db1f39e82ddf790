"""The planted source wins, noise loses, and the error of the winner is honest only in the outer folds."""

import json
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from shotgun_library import SOURCE, add_model, make_library
from tiny import CHAINS, TinyPolymers, density, same

from gnn_sim2real.baselines.member import MEAN
from gnn_sim2real.ensemble.stack import StackSettings, training_parts
from gnn_sim2real.featurize.identity import repeat_unit_identity
from gnn_sim2real.library import ModelLibrary
from gnn_sim2real.nn import Roost
from gnn_sim2real.shotgun.answer import ENSEMBLE, AnswerSettings, find_answer, make_problem
from gnn_sim2real.shotgun.config import ShotgunConfig
from gnn_sim2real.shotgun.features import Features, Skipped, features_of
from gnn_sim2real.shotgun.finetune import TuningSettings, predict
from gnn_sim2real.shotgun.matrix import write_table
from gnn_sim2real.shotgun.models import QuickLoader, entries_of, without_seen
from gnn_sim2real.shotgun.networks import SCRATCH, Network, frozen_name
from gnn_sim2real.shotgun.probe import PREDICTION, Probe
from gnn_sim2real.shotgun.ranking import RankingSettings, Rung, folds_of, plan_rungs, rank_models, score_model
from gnn_sim2real.shotgun.report import caveats, sentence
from gnn_sim2real.shotgun.ridge import fit_ridge
from gnn_sim2real.shotgun.run import run_shotgun, write_result
from gnn_sim2real.shotgun.scores import Score, ScoreCache
from gnn_sim2real.shotgun.start import make_start
from gnn_sim2real.shotgun.study_report import read_records
from gnn_sim2real.shotgun.target import Target
from gnn_sim2real.splits.folds import random_folds

QUICK = RankingSettings(finalists=3, repeats=2)
QUICK_TUNING = TuningSettings(best=2, epochs=2, scratch_epochs=2)
FEW = CHAINS[::2]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_library(tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="module")
def result(made, tmp_path_factory):
    """One run over the planted library, with its configuration."""
    folder = tmp_path_factory.mktemp("run")
    config = ShotgunConfig(
        foundation="none",  # whatever other tests have registered
        data=TinyPolymers(materials=FEW),
        library=str(made[0].folder),
        starter=False,
        output=str(folder),
        folds=3,
        ranking=QUICK,
        tuning=QUICK_TUNING,
    )
    return run_shotgun(config), config


@pytest.mark.slow
def test_an_earlier_ensemble_stays_until_the_next_is_whole(result, monkeypatch):
    found, config = result
    described = {"data": {"class_path": "tiny.TinyPolymers", "init_args": {"size": "all"}}}
    folder = write_result(found, config, described)
    before = files_of(folder / "model")

    def full(*_):
        raise OSError(28, "no room")

    with monkeypatch.context() as patch:
        patch.setattr("gnn_sim2real.shotgun.saved.write_sealed", full)
        with pytest.raises(OSError, match="no room"):
            write_result(found, config, described)
    assert files_of(folder / "model") == before
    write_result(found, config, described)
    assert files_of(folder / "model").keys() == before.keys()


def files_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def target_of(**settings):
    return Target.of_data(TinyPolymers(**settings))


def rank(library, target, problems=None, settings=QUICK, cache=None, skipped=None):
    problems = [target.train] if problems is None else problems
    cache, skipped = cache or ScoreCache(None), skipped or Skipped()
    return rank_models(QuickLoader(library), entries_of(library.cards()), target, problems, settings, cache, skipped)


@pytest.mark.slow
def test_the_planted_source_wins_and_noise_loses(result, made):
    _, (planted,), noise = made
    answer = result[0].answer
    ranked = answer.ranked
    assert ranked[0].key == planted
    assert {score.key for score in ranked[1:]} == set(noise)
    assert ranked[0].error < 0.7 * ranked[1].error
    errors = {name: each.mean() for name, each in answer.left_out_errors().items()}
    assert errors[frozen_name(0)] < 0.5 * errors["mean of the measurements"]
    assert errors["calibrated source"] < 0.5 * errors["mean of the measurements"]
    assert errors[ENSEMBLE] < errors[frozen_name(0)]
    low, high = ranked[0].interval()
    assert low < ranked[0].error < high


@pytest.mark.slow
def test_what_is_written_says_who_has_which_weight(result):
    found, config = result
    folder = write_result(found, config, {"data": {"class_path": "tiny.TinyPolymers", "init_args": {"size": "all"}}})
    written = json.loads((folder / "result.json").read_text())
    assert sum(each["weight"] for each in written["members"]) == pytest.approx(1)
    assert {each["name"] for each in written["members"]} >= {SCRATCH, frozen_name(0), frozen_name(1)}
    assert written["ranking"][0]["key"] == found.answer.ranked[0].key
    assert len(written["curse"]) == len(written["promised"]) == 3
    assert written["error"][0] == pytest.approx(written["left_out"][ENSEMBLE])
    assert "TargetFineTuning" in (folder / "predict.yaml").read_text()


def test_scores_are_remembered(made, tmp_path):
    library, target = made[0], target_of()
    cache = ScoreCache(tmp_path)
    first = rank(library, target, cache=cache)

    class Unwilling:
        def load(self, key):
            raise AssertionError("a model was loaded although its score is known")

    looked = [Unwilling(), entries_of(library.cards()), target, [target.train], QUICK, ScoreCache(tmp_path), Skipped()]
    again = rank_models(*looked)
    assert [score.key for score in again[0]] == [score.key for score in first[0]]
    np.testing.assert_equal(again[0][0].errors, first[0][0].errors)
    other = target_of(materials=CHAINS[:20])
    with pytest.raises(AssertionError, match="loaded"):
        rank_models(*looked[:2], other, [other.train], *looked[4:])


def test_scores_are_found_whatever_the_order_of_what_they_depend_on():
    assert ScoreCache.name_of({"log": True, "tail": "both"}) == ScoreCache.name_of({"tail": "both", "log": True})
    assert ScoreCache.name_of({"log": True, "tail": "both"}) != ScoreCache.name_of({"log": False, "tail": "both"})


def test_a_damaged_cache_is_made_again(made, tmp_path):
    target = target_of()
    wanted = rank(made[0], target, cache=ScoreCache(tmp_path))
    for path in tmp_path.iterdir():
        path.write_text("[{")
    found = rank(made[0], target, cache=ScoreCache(tmp_path))
    assert [score.error for score in found[0]] == [score.error for score in wanted[0]]


def test_a_score_that_was_changed_is_looked_for_again(made, tmp_path):
    target = target_of()
    wanted = rank(made[0], target, cache=ScoreCache(tmp_path))
    for path in tmp_path.iterdir():
        content = json.loads(path.read_text())
        for row in content["scores"]:
            row["error"] = 9.0
        path.write_text(json.dumps(content))
    found = rank(made[0], target, cache=ScoreCache(tmp_path))
    assert [score.error for score in found[0]] == [score.error for score in wanted[0]]


def test_what_a_stopped_ranking_found_is_there(made, tmp_path, monkeypatch):
    target, seen = target_of(), []

    def stops(key, *given):
        seen.append(key)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return score_model(key, *given)

    with monkeypatch.context() as patch:
        patch.setattr("gnn_sim2real.shotgun.ranking.score_model", stops)
        with pytest.raises(KeyboardInterrupt):
            rank(made[0], target, cache=ScoreCache(tmp_path))
        before, seen[:] = seen[:2], [None] * 3
        rank(made[0], target, cache=ScoreCache(tmp_path))
    again = seen[3:]
    assert len(before) == 2
    assert again
    first_rung = again[: len(made[0].cards()) - 2]
    assert not {*before} & {*first_rung}


def test_what_stopped_predictions_of_the_library_found_is_there(made, tmp_path, monkeypatch):
    from gnn_sim2real.shotgun import library_predictions

    library, target, seen = made[0], target_of(), []
    columns, predict_one = library_predictions.choose_columns(library.cards(), "all"), library_predictions._predict

    def stops(models, key, target):
        seen.append(key)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return predict_one(models, key, target)

    monkeypatch.setattr(library_predictions, "_predict", stops)
    with pytest.raises(KeyboardInterrupt):
        library_predictions.predict_columns(library, columns, target, tmp_path)
    before = seen[:2]
    library_predictions.predict_columns(library, columns, target, tmp_path)
    assert not {*before} & {*seen[3:]}
    assert {*before, *seen[3:]} == {key for column in columns for key in column.models}


def test_scores_of_earlier_versions_are_read(tmp_path):
    rows = [{"key": way, "way": way, "error": 1.5, "prediction_error": None, "errors": [1.0, None]} for way in WAYS]
    (tmp_path / "name.json").write_text(json.dumps(rows))
    for way, probe in WAYS.items():
        assert ScoreCache(tmp_path).get("name", way).probe == probe
        assert str(probe) == way
    cache = ScoreCache(tmp_path)
    cache.put("name", Score("new", Probe(2), 0.5, None))
    cache.write()
    read = [ScoreCache(tmp_path).get("name", key).probe for key in (*WAYS, "new")]
    assert read == [*WAYS.values(), Probe(2)]


WAYS = {"prediction": PREDICTION, "layer 0": Probe(0), "layer 12": Probe(12)}


def test_study_records_of_earlier_versions_are_read(tmp_path):
    errors = {"direct learning": 0.3, "first of the ranking, frozen": 0.2}
    (tmp_path / "record.json").write_text(json.dumps({"errors": errors, "size": 20}))
    (found,) = read_records(tmp_path)
    assert found == {"errors": {SCRATCH: 0.3, frozen_name(0): 0.2}, "size": 20}


def test_models_take_turns_in_one_network(made):
    library, planted, noise = made
    loader = QuickLoader(library)
    for key in (*noise, *planted, noise[0]):
        assert same(loader.load(key).network.state_dict(), library.load(key).network.state_dict())


def test_problems_ranked_together_are_ranked_as_alone(made):
    library, target = made[0], target_of()
    problems = [target.train[:30], target.train[10:]]
    together = rank(library, target, problems)
    for rows, found in zip(problems, together, strict=True):
        (alone,) = rank(library, target, [rows])
        assert [(score.key, score.error) for score in alone] == [(score.key, score.error) for score in found]


def test_only_training_rows_are_looked_at(made):
    library, target = made[0], target_of()
    rows = target.train[:30]
    before = rank(library, target, [rows])[0]
    values = {("density", "g/cm3"): [density(each) for each in CHAINS]}
    other = target_of(columns=values)
    other.table.values[30:] += 1000.0
    assert [score.error for score in rank(library, other, [rows])[0]] == [score.error for score in before]


def test_rungs_get_closer_and_fewer():
    rungs = plan_rungs(140_000, RankingSettings())
    assert [rung.last_only for rung in rungs] == [True, *[False] * (len(rungs) - 1)]
    assert [rung.repeats for rung in rungs] == sorted(rung.repeats for rung in rungs)
    assert rungs[0].repeats == 1
    assert rungs[-1].keep == 16
    assert rungs[-1].with_errors
    assert len(plan_rungs(10, RankingSettings())) == 1


@pytest.mark.parametrize("change", [{"folds": 1}, {"keep": 1.0}, {"finalists": 0}])
def test_settings_that_make_no_sense(change):
    ((name, value),) = change.items()
    with pytest.raises(ValueError, match=f"`{name}`.*{value}"):
        RankingSettings(**change)


NUM_MODELS, NUM_MATERIALS = 200, 24


@pytest.fixture(scope="module")
def null_library():
    """Random numbers for features: nothing transfers, and whoever wins has won by chance.

    Gives what the ranking promised of its winner, what was found on the outer folds, and the error of a constant.
    """
    promised, found, constant = [], [], []
    for draw in range(6):
        rng = np.random.default_rng(draw)
        target = target_of(
            materials=CHAINS[:NUM_MATERIALS], columns={("density", "g/cm3"): rng.normal(size=NUM_MATERIALS).tolist()}
        )
        features = [Features([rng.normal(size=(NUM_MATERIALS, 6))], None) for _ in range(NUM_MODELS)]
        for fold in random_folds(target.groups, 4, [draw]):
            rows, tested = target.train[fold.train], target.train[fold.test]
            rung, settings = Rung(2, last_only=False, keep=1), RankingSettings(seed=draw)
            folds = folds_of(target, rows, settings, 2)
            scores = [
                score_model(str(number), each, target, rows, folds, settings, rung)
                for number, each in enumerate(features)
            ]
            winner = min(scores, key=lambda score: score.error)
            table = features[int(winner.key)].layers[0]
            weights, offset = fit_ridge(table[rows][None], target.values[rows][None])
            promised.append(winner.error)
            found.append(np.abs(table[tested] @ weights[0] + offset[0] - target.values[tested]).mean())
            constant.append(np.abs(target.values[rows].mean() - target.values[tested]).mean())
    return np.mean(promised), np.mean(found), np.mean(constant)


@pytest.mark.slow
def test_the_inner_score_of_the_winner_is_too_good(null_library):
    promised, _, constant = null_library
    assert promised < 0.85 * constant


@pytest.mark.slow
def test_the_outer_error_is_not(null_library):
    _, found, constant = null_library
    assert found > 0.95 * constant


def test_it_is_said_plainly_when_one_member_does_better():
    rng = np.random.default_rng(0)
    direct = rng.uniform(1, 2, 40)

    def say(shift):
        errors = {ENSEMBLE: direct + shift + 0.1 * rng.normal(size=40), SCRATCH: direct, "extra trees": direct + 5}
        answer = SimpleNamespace(left_out_errors=lambda: errors, target=target_of())
        return sentence(SimpleNamespace(answer=answer, titles={}))

    assert re.search(r"^ONE MEMBER .*: from scratch .*\b0\.5", say(0.5))
    assert re.search(r"^the ensemble beats .*\(from scratch\) by 0\.[45]", say(-0.5))
    assert re.search(r"^the ensemble is as good .*\(from scratch\).* [+-]0\.0", say(0.0))


@pytest.mark.parametrize("probe", [PREDICTION, Probe(0), Probe(2)], ids=str)
def test_a_start_is_the_same_whatever_was_random_before(made, probe):
    """Else two runs of one command, or one that was killed and resumed, would end with other digits."""
    library, (planted,), _ = made
    target = target_of()
    found = []
    for state, seed in ((1, 0), (2, 0), (1, 5)):
        torch.manual_seed(state)
        start = make_start(library.load(planted), target, target.train, probe, seed)
        found.append(torch.cat([each.flatten() for each in start.network.state_dict().values()]))
        assert torch.equal(torch.rand(1), torch.rand(1, generator=torch.Generator().manual_seed(state)))
    assert torch.equal(found[0], found[1])
    if probe != PREDICTION:  # whose head is that of the source
        assert not torch.equal(found[0], found[2])


@pytest.mark.parametrize("probe", [PREDICTION, Probe(0), Probe(1), Probe(2)], ids=str)
@pytest.mark.parametrize("log", [False, True])
def test_a_start_answers_as_the_ranked_probe(made, probe, log):
    library, (planted,), _ = made
    target = Target.of_data(TinyPolymers(materials=FEW), log)
    source = library.load(planted)
    table = features_of(source, target).tables(last_only=False)[probe]
    start = make_start(source, target, target.train, probe)
    if probe == PREDICTION:
        line = np.polynomial.Polynomial.fit(table[:, 0], target.values, 1)
        wanted = line(table[:, 0])
    else:
        weights, offset = fit_ridge(table[None], target.values[None])
        wanted = table @ weights[0] + offset[0]
    np.testing.assert_allclose(predict(start, target, np.arange(len(wanted))), wanted, atol=2e-4)
    assert start.network.properties[0].form == ("exponential" if log else "linear")


def test_a_model_that_has_seen_the_test_part_is_skipped(made, tmp_path):
    library = ModelLibrary(tmp_path)
    data = TinyPolymers(materials=FEW, test_fraction=0.3)
    target = Target.of_data(data)
    tested = [data.table.materials[row] for row in data.parts.test]
    measured = set(data.table.identities)
    clean = [each for each in SOURCE if repeat_unit_identity(each) not in measured]
    columns = {("noise", "K"): [1.0 + len(each) for each in clean]}
    unseen = add_model(library, columns, 1, 0, materials=clean)
    clean.append(tested[0])
    seen = add_model(library, {("noise", "K"): [1.0 + len(each) for each in clean]}, 1, 0, materials=clean)
    skipped = Skipped()
    left, counts = without_seen(library, library.cards(), target, "skip", skipped)
    assert [card.key for card in left] == [unseen]
    assert counts == {seen: 1}
    ((reason, count),) = skipped.reasons.items()
    assert ("test materials" in reason, count) == (True, 1)
    left, counts = without_seen(library, library.cards(), target, "warn", Skipped())
    assert {card.key for card in left} == {seen, unseen}
    assert counts == {seen: 1}


def test_what_cannot_be_read_is_counted_with_the_reason(made):
    """Formulas have no bonds, which the networks of polymers read; the composition can be read by Roost."""
    from datamodules.files.table import MaterialTable

    library = made[0]
    frame = "formula,k\n" + "".join(f"{name},{1 + number % 7}\n" for number, name in enumerate(FORMULAS))
    path = library.folder.parent / "formulas.csv"
    path.write_text(frame)
    target = Target.of_data(MaterialTable(str(path), "k", "W/(m K)", validation_fraction=0))
    skipped = Skipped()
    assert rank(library, target, skipped=skipped) == [[]]
    ((reason, count),) = skipped.reasons.items()
    assert count == 5
    assert "`atom_codes`" in reason


FORMULAS = ("NaCl", "KCl", "MgO", "CaO", "TiO2", "SiO2", "Al2O3", "Fe2O3", "ZnS", "GaAs", "InP", "BN")


def test_compositions_bridge_the_disciplines(tmp_path):
    """A model of the composition of polymers is asked about inorganic formulas, with the same answer as for its own."""
    from datamodules.files.table import MaterialTable

    library = ModelLibrary(tmp_path / "library")
    roost = lambda: Roost(hidden_dim=8, num_layers=1, num_heads=1, mlp_dim=8)  # noqa: E731
    for seed in (0, 1):
        add_model(library, {("noise", "K"): [float(len(each)) for each in SOURCE]}, 1, seed, encoder=roost)
    path = tmp_path / "formulas.csv"
    path.write_text("formula,k\n" + "".join(f"{name},{1 + number % 7}\n" for number, name in enumerate(FORMULAS)))
    target = Target.of_data(MaterialTable(str(path), "k", "W/(m K)", validation_fraction=0))
    skipped = Skipped()
    (ranked,) = rank(library, target, skipped=skipped)
    assert len(ranked) == 2
    assert not skipped.reasons
    model = library.load(ranked[0].key)
    start = make_start(model, target, target.train, ranked[0].probe)
    assert start.predict(["NaCl"]).units == ("W/(m K)",)
    whole = library.load(ranked[0].key).network
    ethylene = target_of(materials=["*CC*", *CHAINS[:8]], columns={("tg", "K"): [float(n) for n in range(9)]})
    polymers = features_of(model, ethylene).layers[-1]
    path.write_text("formula,k\n" + "".join(f"{name},1\n" for name in ("CH2", *FORMULAS)))
    formulas = Target.of_data(MaterialTable(str(path), "k", "W/(m K)", validation_fraction=0))
    inorganic = features_of(model, formulas).layers[-1]
    row, place = ethylene.table.materials.index("*CC*"), list(formulas.table.materials).index("CH2")
    np.testing.assert_allclose(polymers[row], inorganic[place], atol=1e-5)
    assert whole.encoder.reads_composition_only


def test_extrapolation_ranks_by_values_beyond_the_range(made):
    library, target = made[0], target_of()
    settings = RankingSettings(finalists=3, repeats=2, purpose="extrapolation")
    (ranked,) = rank(library, target, settings=settings)
    assert ranked[0].key == made[1][0]
    tested = ~np.isnan(np.array(ranked[0].errors))
    assert 0 < tested.sum() < len(tested)
    middle = target.values[target.train][~tested]
    outside = target.values[target.train][tested]
    assert ((outside < middle.min()) | (outside > middle.max())).all()


def test_extrapolation_leaves_out_whole_families_where_the_data_are_split_by_them():
    target = Target.of_data(TinyPolymers(split_by="polymer_class", test_fraction=0.2))
    settings = RankingSettings(purpose="extrapolation", folds=3)
    stack = StackSettings(num_folds=3)
    families = np.array(target.families)
    assert set(families[target.train]).isdisjoint(families[target.test])
    (folds,) = folds_of(target, target.train, settings, 1)
    problems = [(target.train[fold.train], target.train[fold.test]) for fold in folds]
    problem = make_problem(target, settings)
    parts = training_parts(problem, stack)[1:4]
    for train, tested in problems + [(part, np.setdiff1d(target.train, part)) for part in parts]:
        assert set(families[train]).isdisjoint(families[tested])
        assert len(tested)


def test_the_interval_is_the_same_every_time():
    """Its draws are part of published results."""
    score = Score("a", "layer 0", 3.0, None, (0.3, 1.1, 2.3, 3.1, 4.7, float("nan"), 6.1, 7.9))
    assert score.interval() == pytest.approx((14.3 / 7, 36.1 / 7), rel=1e-9)


def test_errors_without_an_interval():
    assert np.isnan(Score("a", Probe(0), 1.0, None).interval()).all()


def test_a_library_that_is_empty(tmp_path):
    config = ShotgunConfig(data=TinyPolymers(), library=str(tmp_path))
    with pytest.raises(ValueError, match=rf"no models in .*{tmp_path.name}.*--library"):
        run_shotgun(config)


@pytest.mark.slow
def test_networks_are_models_of_the_target(result):
    answer = result[0].answer
    networks = [each for each in answer.members.values() if isinstance(each, Network) and each.model is not None]
    assert len(networks) >= 3
    for member in networks:
        assert member.model.network.properties[0].name == "density"
        assert member.model.card["target_size"] == len(answer.target.train)
    first = answer.members[frozen_name(0)].model.card
    assert (first["source"]["key"], first["finish"]) == (answer.ranked[0].key, "frozen")


@pytest.mark.slow
def test_where_the_library_is_noise_the_ensemble_does_without_it(made):
    """Density depends on the chain; models of noise cannot compete, and the ensemble must not lose by them."""
    library, _, noise = made
    whole = target_of(materials=CHAINS)
    target = replace(whole, train=whole.train[:30], test=whole.train[30:])
    cards = [card for card in library.cards() if card.key in noise]
    settings = AnswerSettings(QUICK, QUICK_TUNING, StackSettings(num_folds=3))
    answer = find_answer(QuickLoader(library), cards, target, settings, Skipped())
    errors = {name: each.mean() for name, each in answer.tested_errors().items()}
    assert errors[ENSEMBLE] < min(errors["extra trees"], errors[frozen_name(0)])


@pytest.mark.slow
def test_a_short_time_leaves_out_networks_first(made):
    library, target = made[0], target_of(materials=FEW)
    settings = AnswerSettings(QUICK, TuningSettings(best=2), StackSettings(num_folds=3, minutes=1e-3))
    answer = find_answer(QuickLoader(library), library.cards(), target, settings, Skipped())
    told = {each.name: each for each in answer.stack.members}
    assert told["mean of the measurements"].num_trainings > 0
    assert told[SCRATCH].num_trainings == 0
    assert "no time" in told[SCRATCH].why


@pytest.mark.parametrize(
    ("weights", "late", "number"), [([0.2, 0.8], 0, 0), ([0.2, 0.8], 3, 1), ([1.0, 0.0], 3, 1), ([1.0, 0.0], 0, 1)]
)
def test_a_time_that_was_too_short_is_said(weights, late, number):
    members = [
        SimpleNamespace(name=name, weight=each, is_late=False)
        for name, each in zip([MEAN, "line"], weights, strict=True)
    ]
    members += [SimpleNamespace(name=f"{each}", weight=0.0, is_late=True) for each in range(late)]
    result = SimpleNamespace(answer=SimpleNamespace(stack=SimpleNamespace(members=members)), cards={}, seen={})
    found = caveats(result)
    assert len(found) == number
    assert all(("--minutes" in each) == (late > 0) for each in found)


def test_no_name_in_a_heat_map_is_a_formula_for_a_spreadsheet(tmp_path):
    write_table(tmp_path / "map.csv", np.array([[-0.5]]), ["=1+1"], ["@target"])
    assert (tmp_path / "map.csv").read_text() == "source,'@target\n'=1+1,-0.5000\n"
