"""From a test to a record, and from records to a law in the logger."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from tiny import CHAINS, DictLogger, TinyPolymers, fit, gine, save_source

from gnn_sim2real.featurize.identity import identity_hash
from gnn_sim2real.metrics import whole_set_metrics
from gnn_sim2real.records.callback import ScalingLawCallback, log_law
from gnn_sim2real.records.record import Record, RecordKey, read_errors, read_records, write_record
from gnn_sim2real.tasks import SourcePretraining, TargetFineTuning

CONFIG = {
    "trainer": {"max_epochs": 2},
    "model": {"class_path": "gnn_sim2real.tasks.TargetFineTuning", "init_args": {}},
    "seed_everything": 0,
}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return save_source(tmp_path_factory.mktemp("models") / "source")


def recorded(folder, make_module, data, config=CONFIG, logger=False):
    callback = ScalingLawCallback(str(folder))
    callback.config = config
    trainer, module = fit(make_module, data, callbacks=[callback], logger=logger)
    trainer.test(module, datamodule=data, verbose=False)
    return module


def test_a_test_writes_one_record(source, tmp_path):
    data = TinyPolymers(size=20, seed=3, split=2, test_fraction=0.2)
    module = recorded(tmp_path, lambda: TargetFineTuning(pretrained=str(source)), data)
    (record,) = read_records(tmp_path)
    assert record.cell == RecordKey("GINE", "full", len(CHAINS), "all", 20, 3, 2)
    assert (record.property, record.unit) == ("density", "g/cm3")
    assert record.metrics["num_test"] == len(data.parts.test)
    assert record.details["start_mae"] == module.start_error
    assert record.data["source"]["properties"] == ["Cp", "density"]
    _, prediction, measured = module.test_result()
    assert record.metrics == whole_set_metrics(prediction, measured)
    errors = read_errors(tmp_path, record.key)
    assert set(errors) == {identity_hash(each) for each in data.splitter.test_groups}
    assert np.mean(list(errors.values())) == pytest.approx(record.metrics["mae"])


def test_no_spelling_and_no_value_leaves_in_a_record(source, tmp_path):
    data = TinyPolymers(test_fraction=0.2)
    recorded(tmp_path, lambda: TargetFineTuning(pretrained=str(source)), data)
    text = "".join(path.read_text() for path in tmp_path.iterdir())
    assert not any(f'"{each}"' in text for each in (*data.table.materials, *data.table.identities))
    (sidecar,) = tmp_path.glob("*.errors.json")
    content = json.loads(sidecar.read_text())
    assert all(re.fullmatch("[0-9a-f]{16}", name) for name in content)
    assert not set(content.values()) & set(data.table.values[data.parts.test, 0].tolist())


def test_from_scratch_is_recorded_with_source_size_zero(tmp_path):
    recorded(tmp_path, lambda: TargetFineTuning(gine()), TinyPolymers(test_fraction=0.2))
    (record,) = read_records(tmp_path)
    assert (record.cell.source_size, record.cell.source_level) == (0, "0")
    assert record.data["source"] is None


def test_the_same_run_again_is_the_same_record_and_another_is_another(source, tmp_path):
    data = TinyPolymers(test_fraction=0.2)
    with_logger = CONFIG | {"trainer": CONFIG["trainer"] | {"logger": {"class_path": "x"}}}
    for config in (CONFIG, CONFIG, with_logger):
        recorded(tmp_path, lambda: TargetFineTuning(pretrained=str(source)), data, config)
    assert len(read_records(tmp_path)) == 1
    recorded(tmp_path, lambda: TargetFineTuning(pretrained=str(source)), data.variant(split=1))
    recorded(tmp_path, lambda: TargetFineTuning(gine()), data)
    assert len(read_records(tmp_path)) == 3


def test_a_pretraining_has_no_place_on_the_curve():
    with pytest.raises(ValueError, match=r"ScalingLawCallback .*pretraining"):
        fit(lambda: SourcePretraining(gine()), TinyPolymers(), callbacks=[ScalingLawCallback()])


def synthetic(size, seed, decay_rate=0.5, **changes):
    cell = RecordKey("GINE", "full", size, str(size), 20, seed, 0)
    error = (2.0 * size**-decay_rate + 0.05) * (1 + 0.01 * (seed - 1))
    values = {"property": "density", "unit": "g/cm3", "metrics": {"mae": error, "num_test": 10.0}, "data": {}}
    return Record(key=f"{size:028x}{seed:04x}", cell=cell, **values | changes)


def law_entries(logger):
    return {name: value for entry in logger.entries for name, value in entry.items() if name.startswith("scaling_law/")}


NAMES = {
    f"scaling_law/{name}{end}" for name in ("decay_rate", "transfer_gap", "prefactor") for end in ("", "_low", "_high")
}


def test_with_four_sizes_the_law_goes_to_the_logger(source, tmp_path):
    logger, data = DictLogger(), TinyPolymers(size=20, test_fraction=0.2)
    for size in (100, 400, 1600, 6400):
        for seed in range(3):
            write_record(tmp_path, synthetic(size, seed), {})
    recorded(tmp_path, lambda: TargetFineTuning(pretrained=str(source)), data, logger=logger)
    found = law_entries(logger)
    assert set(found) == NAMES
    assert all(np.isfinite(value) for value in found.values())
    assert (tmp_path / "scaling_law.png").stat().st_size > 1000


def test_the_logged_law_is_that_of_the_records(tmp_path):
    logger = DictLogger()
    records = [synthetic(size, seed) for size in (100, 400, 1600, 6400) for seed in range(3)]
    others = [
        replace(
            synthetic(size, seed, decay_rate=1.5),
            property="Tg",
            unit="K",
            key=f"{size:024x}{seed:08x}".replace("0", "f", 1),
        )
        for size in (100, 400, 1600, 6400)
        for seed in range(3)
    ]
    for record in records + others:
        write_record(tmp_path, record, {})
    log_law(tmp_path, records[0], logger)
    found = law_entries(logger)
    assert found["scaling_law/decay_rate"] == pytest.approx(0.5, abs=0.03)
    assert found["scaling_law/transfer_gap"] == pytest.approx(0.05, rel=0.1)
    for name in ("decay_rate", "transfer_gap", "prefactor"):
        low, middle, high = (found[f"scaling_law/{name}{end}"] for end in ("_low", "", "_high"))
        assert low <= middle <= high


def test_with_three_sizes_there_is_no_law(tmp_path):
    logger = DictLogger()
    records = [synthetic(size, seed) for size in (100, 400, 1600) for seed in range(3)]
    for record in records:
        write_record(tmp_path, record, {})
    log_law(tmp_path, records[0], logger)
    assert logger.entries == []
