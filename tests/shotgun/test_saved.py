"""The ensemble in a folder predicts what shotgun predicted, and is refused when something in it has changed."""

import csv
import json
import shutil
from dataclasses import dataclass

import numpy as np
import pytest
from shotgun_library import make_library
from simulated import Simulated
from tiny import CHAINS, density
from tiny_foundation import Tiny

from gnn_sim2real.baselines.extra_trees import SETTINGS
from gnn_sim2real.ensemble.intervals import quantiles_of_others
from gnn_sim2real.ensemble.weights import DEFAULT, RULES
from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.shotgun.answer import UNSEEN_WIDENING
from gnn_sim2real.shotgun.config import ShotgunConfig
from gnn_sim2real.shotgun.finetune import TuningSettings
from gnn_sim2real.shotgun.foundation import find_blocks
from gnn_sim2real.shotgun.ranking import RankingSettings
from gnn_sim2real.shotgun.run import run_shotgun, write_result
from gnn_sim2real.shotgun.saved import ENSEMBLE_FILE, TRAINING_FILE, load_ensemble

DESCRIBED = {"data": {"class_path": "tiny.TinyPolymers", "init_args": {"test_fraction": 0.2}}}


@dataclass
class Answers:
    """A block that knows the answers, with some noise."""

    name: str = "answers"

    def describe(self, materials):
        table = np.array([[density(each), len(each)] for each in materials])
        table[table[:, 1] == 6, 1] = np.nan
        return table


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A run with everything: simulated values, blocks, the library, networks; its ensemble in a folder."""
    library, _, _ = make_library(tmp_path_factory.mktemp("library"), planted=1, noise=1)
    folder = tmp_path_factory.mktemp("run")
    config = ShotgunConfig(
        foundation={"name": Tiny.name, "layer": "first"},
        data=Simulated(every=2, test_fraction=0.2),
        library=str(library.folder),
        starter=False,
        output=str(folder),
        seen="warn",
        folds=3,
        ranking=RankingSettings(finalists=2, repeats=1, folds=3),
        tuning=TuningSettings(best=1, epochs=1, scratch_epochs=1),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SETTINGS, "n_estimators", 20)
        # Every member gets a weight, so that each has to be found again.
        patch.setitem(RULES, DEFAULT, RULES["equal"])
        result = run_shotgun(config, (Answers(),))
        answer = result.answer
        write_result(result, config, DESCRIBED)
        yield answer, folder
    assert answer.columns


def test_the_saved_ensemble_predicts_what_shotgun_predicted(saved):
    answer, folder = saved
    target = answer.target
    ensemble = load_ensemble(folder / "model", (Answers(),))
    found = ensemble.predict([target.table.materials[row] for row in target.test], target.simulated[target.test])
    np.testing.assert_allclose(found.values, answer.stack.predictions, rtol=1e-5)
    np.testing.assert_allclose(found.upper - found.lower, 2 * answer.half_widths, rtol=1e-3)
    assert ((found.lower < found.values) & (found.values < found.upper)).all()
    np.testing.assert_array_equal(ensemble.values, target.values[target.train])


def test_without_a_simulated_value_the_members_that_need_none_answer_with_their_own_interval(saved):
    answer, folder = saved
    target, stack = answer.target, answer.stack
    lacking = np.isnan(target.simulated[target.test])
    assert 0 < lacking.sum() < len(lacking)
    np.testing.assert_array_equal(stack.lacking, lacking)
    ensemble = load_ensemble(folder / "model", (Answers(),))
    assert ensemble.fallback.weights.keys() < ensemble.weights.keys()
    assert ensemble.fallback.intervals == answer.fallback_intervals != answer.intervals
    without = ensemble.predict([target.table.materials[row] for row in target.test])
    np.testing.assert_allclose(without.values, stack.fallback.predictions, rtol=1e-5)
    np.testing.assert_allclose((without.upper - without.lower)[lacking], 2 * answer.half_widths[lacking], rtol=1e-3)
    assert all("no simulated value" in note for note in without.notes)


def test_measured_materials_are_written_beside_what_was_predicted_without_them(saved):
    answer, folder = saved
    with (folder / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    target, stack = answer.target, answer.stack
    assert [row["part"] for row in rows] == ["train"] * len(target.train) + ["test"] * len(target.test)
    assert [row["material"] for row in rows] == [target.table.materials[row] for row in [*target.train, *target.test]]
    written = [[float(row[f"density{what} [g/cm3]"]) for row in rows] for what in (" measured", "", " lower", " upper")]
    np.testing.assert_allclose(written[0], target.values, rtol=1e-6)
    np.testing.assert_allclose(written[1], [*stack.honest_predictions, *stack.predictions], rtol=1e-6)
    held = (np.array(written[2]) <= written[0]) & (written[0] <= np.array(written[3]))
    assert held[: len(target.train)].mean() >= 0.75
    scale = answer.left_out_scale
    scores = np.abs(target.values[target.train] - stack.honest_predictions) / scale
    half = quantiles_of_others(scores, answer.intervals.coverage) * scale
    found = (np.array(written[3]) - np.array(written[2]))[: len(target.train)] / 2
    np.testing.assert_allclose(found, half, rtol=1e-5)


def test_what_is_unlike_the_measured_materials_is_marked_and_has_wider_intervals(saved):
    ensemble = load_ensemble(saved[1] / "model", (Answers(),))
    found = ensemble.predict([CHAINS[3], "*[Si](C)(C)C*"], np.array([density(CHAINS[3]), 1.0]))
    widths = found.upper - found.lower
    assert found.notes[0] == ""
    assert "never measured" in found.notes[1]
    assert widths[1] > UNSEEN_WIDENING * widths[0] * 0.9


def test_a_further_block_that_is_not_there_is_named(saved):
    _, folder = saved
    content = json.loads((folder / "model" / ENSEMBLE_FILE).read_text())
    if any("answers" in each["name"] for each in content["members"]):
        with pytest.raises(CheckpointError, match="answers"):
            load_ensemble(folder / "model")


@pytest.mark.parametrize("name", [ENSEMBLE_FILE, TRAINING_FILE])
def test_what_was_changed_is_refused(saved, tmp_path, name):
    shutil.copytree(saved[1] / "model", tmp_path / "model")
    path = tmp_path / "model" / name
    content = bytearray(path.read_bytes())
    place = content.index(b'"weight": ') + 11 if name == ENSEMBLE_FILE else len(content) // 2
    content[place] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(CheckpointError):
        load_ensemble(tmp_path / "model", (Answers(),))


def test_features_of_a_foundation_encoder_are_found_again_by_its_settings(saved, monkeypatch):
    answer, folder = saved
    assert "Gaussian process on tiny" in answer.members
    written = json.loads((folder / "result.json").read_text())["foundation"]
    assert [(each["layer"], each["has_seen"]) for each in written] == [("first", Tiny.has_seen)]
    blocks = load_ensemble(folder / "model", (Answers(),)).blocks
    assert [block.name for block in blocks] == ["answers", "tiny"]
    assert blocks[1].named.layer == "first"
    monkeypatch.setattr(Tiny, "version", "2")
    with pytest.raises(CheckpointError, match="tiny"):
        load_ensemble(folder / "model", (Answers(),))


def test_what_none_of_the_asked_materials_has_is_filled(saved):
    """An encoder that refuses all of them tells no number of columns."""
    found = load_ensemble(saved[1] / "model", (Answers(),)).predict(["*[Te]C*"])
    assert np.isfinite(found.values).all()


def test_encoders_are_found_for_a_kind_and_what_is_not_installed_is_named(caplog):
    with caplog.at_level("INFO"):
        names = [block.name for block in find_blocks("auto", "repeat_unit")]
    assert "tiny" in names
    assert "not_installed" not in names
    assert "gnn-sim2real[foundation-crystal]" in caplog.text
    assert find_blocks("none", "repeat_unit") == []
    assert [block.name for block in find_blocks("tiny", "repeat_unit")] == ["tiny"]
    with pytest.raises(ValueError, match="composition"):
        find_blocks("tiny", "composition")
    with pytest.raises(ValueError, match="gnn-sim2real"):
        find_blocks("not_installed", "repeat_unit")
