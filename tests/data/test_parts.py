"""Each part of a data module alone: data set, splitter, acquisition, predictor."""

import numpy as np
import pandas as pd
import pytest
import torch

from gnn_sim2real.data.acquisition import Acquisition, AcquisitionSettings
from gnn_sim2real.data.data_set import DataSet
from gnn_sim2real.data.prediction import PredictionSettings, Predictor
from gnn_sim2real.data.splitting import SplitSettings, Splitter
from gnn_sim2real.data.variants import Shared
from gnn_sim2real.featurize.featurizer import get_featurizer
from gnn_sim2real.featurize.identity import identity_hash
from gnn_sim2real.store.graphs import GraphStore
from gnn_sim2real.tables.cleaning import clean_table
from gnn_sim2real.tables.table import Property

UNITS = [f"*{'C' * length}{end}*" for length in range(1, 11) for end in ("O", "S")]
FRAME = pd.DataFrame(
    {"smiles": UNITS, "density": np.arange(20.0), "lab": [f"lab {number % 4}" for number in range(20)], "hours": 1.0}
)


class Reader:
    """Reads `FRAME`, and counts how often."""

    kind = "repeat_unit"

    def __init__(self, frame=FRAME):
        self.frame, self.calls = frame, []
        self.identity = get_featurizer(self.kind).identity

    def load_table(self):
        self.calls.append("table")
        properties = [Property("density", "g/cm3", lower=-1)]
        return clean_table(
            self.frame, material_column="smiles", properties=properties, identity=self.identity, source="tiny"
        )

    def make_featurizer(self):
        self.calls.append("featurizer")
        return get_featurizer(self.kind)

    def make_store(self):
        self.calls.append("store")
        return GraphStore.from_graphs(get_featurizer(self.kind).featurize(each) for each in self.load_table().materials)


@pytest.fixture(scope="module")
def data():
    return DataSet(Reader())


class TestDataSet:
    def test_it_reads_once_and_late(self):
        reader = Reader()
        data = DataSet(reader)
        assert reader.calls == []
        for _ in range(2):
            _ = data.table, data.fingerprint, data.featurizer, data.targets, data.properties
        assert reader.calls == ["table", "featurizer"]

    def test_what_depends_on_the_same_is_shared_and_nothing_else(self):
        shared = Shared()
        first, second = DataSet(Reader(), shared, (1,), (1,)), DataSet(Reader(), shared, (1,), (2,))
        other = DataSet(Reader(FRAME[:10]), shared, (2,), (1,))
        assert first.table is second.table
        assert first.targets is second.targets
        assert first.store is not second.store
        assert len(other.table.identities) == len(other.targets) == len(other.store) == 10
        assert other.fingerprint != first.fingerprint

    def test_what_it_says(self, data):
        assert (data.name, data.kind) == ("Reader", "repeat_unit")
        assert [(each.name, each.unit) for each in data.properties] == [("density", "g/cm3")]
        assert data.simulated is None
        torch.testing.assert_close(data.targets[:, 0], torch.from_numpy(data.table.values[:, 0]).float())
        atoms = {unit: 1 + unit.count("C") for unit in UNITS}
        assert data.num_atoms.tolist() == [atoms[unit] for unit in data.spellings]

    def test_errors_have_no_spelling(self, data):
        found = data.absolute_errors(np.array([3, 5]), data.table.values[[3, 5], 0] + [0.5, -2])
        names = [identity_hash(data.table.identities[row]) for row in (3, 5)]
        assert found == pytest.approx(dict(zip(names, (0.5, 2.0), strict=True)))


class TestSplitter:
    def test_without_settings_all_train(self, data):
        parts = Splitter(data, SplitSettings(validation_fraction=0)).parts
        assert sorted(parts.train.tolist()) == list(range(20))
        assert not len(parts.test)

    def test_removed_rows_are_not_used(self, data):
        removed = np.array([2, 3])
        splitter = Splitter(data, SplitSettings(test_fraction=0.2), lambda: removed, "these")
        used = {*splitter.parts.train.tolist(), *splitter.parts.validation.tolist()}
        assert not used & {2, 3}
        assert splitter.available.tolist() == [row for row in range(20) if row not in (2, 3)]
        assert Splitter(data, SplitSettings(test_fraction=0.2)).available.tolist() == list(range(20))

    def test_an_order_decides_which_are_used(self, data):
        settings = SplitSettings(test_fraction=0.2, validation_fraction=0, size=5)
        costs = Acquisition(AcquisitionSettings("cheapest", "num_atoms"), data)
        used, whole = Splitter(data, settings, acquisition=costs).parts, Splitter(data, settings).parts
        assert used.test.tolist() == whole.test.tolist()
        left = sorted(data.num_atoms[np.setdiff1d(np.arange(20), whole.test)])
        assert data.num_atoms[used.train].tolist() == left[:5]

    def test_a_saved_split_is_found_again(self, data, tmp_path):
        made = Splitter(data, SplitSettings(test_fraction=0.2, seed=3))
        made.save(tmp_path / "split.json")
        again = Splitter(data, SplitSettings(split_file=str(tmp_path / "split.json")))
        assert again.parts_hash == made.parts_hash
        assert again.test_groups == made.test_groups


class TestAcquisition:
    def test_a_cost_that_is_no_number(self, data):
        acquisition = Acquisition(AcquisitionSettings("cheapest", "lab"), data)
        with pytest.raises(ValueError, match=r"'lab [0-3]'.*'lab'"):
            acquisition.first(np.arange(20), 5, 0)

    def test_what_counts_in_a_key(self, data):
        content = Acquisition(AcquisitionSettings("cheapest", "num_atoms^2"), data).content()
        assert content == {"by": "cheapest", "version": 1, "cost": "num_atoms^2"}
        assert Acquisition(AcquisitionSettings("diversity"), data).content() == {"by": "diversity", "version": 1}


class TestPredictor:
    def test_readable_and_unreadable(self, data, tmp_path):
        (tmp_path / "ask.csv").write_text("unit\n*CC*\nnonsense\n*CO*\n")
        (tmp_path / "simulated.csv").write_text("unit,simulated\n*CO*,2\n*CC*,1\n")
        settings = PredictionSettings(str(tmp_path / "ask.csv"), "unit", str(tmp_path / "simulated.csv"))
        predictor = Predictor(settings, data)
        assert predictor.heading == "unit"
        assert [(name, reason is None) for name, reason in predictor.materials] == [
            ("*CC*", True),
            ("nonsense", False),
            ("*CO*", True),
        ]
        (batch,) = predictor.dataloader()
        assert (batch.num_graphs, batch.simulated.tolist()) == (2, [[1.0], [2.0]])

    def test_without_a_file(self, data):
        with pytest.raises(ValueError, match=r"--data\.predict_path FILE`.*\btable\b"):
            _ = Predictor(PredictionSettings(), data).materials
