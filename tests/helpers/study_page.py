"""A study with every section of its page, made of records that follow a law."""

from html_page import Page

from gnn_sim2real.records.laws import Results
from gnn_sim2real.records.record import Record, RecordKey
from gnn_sim2real.records.results import tabulate_records
from gnn_sim2real.records.summary import write_report
from gnn_sim2real.study.config import StudyConfig
from gnn_sim2real.study.grid import Axes
from gnn_sim2real.study.page.page import write_study_page

SIZES, TARGETS = (50, 100, 200, 400, 950), (50, 100, 300)


def record(policy, size, m, split, seed, architecture="GINE", growth="random"):
    cell = RecordKey(architecture, policy, size, str(size), m, seed, split, growth)
    error = (max(size, 10) ** -0.5 + 1 / m) * (1 + 0.03 * split + 0.01 * seed + 0.002 * (size % 7))
    metrics = {"mae": error, "rmse": 1.3 * error, "r2": 0.5, "num_test": 30.0}
    return Record(repr(cell), cell, "density", "g/cm3", metrics, {})


def records(sizes=SIZES, targets=TARGETS):
    repeats = [(split, seed) for split in range(3) for seed in range(2)]
    kinds = [("full", size, "GINE") for size in (0, *sizes)]
    kinds += [("calibrated_source", size, "GINE") for size in sizes] + [("extra_trees", 0, "")]
    return [record(policy, size, m, *each, name) for m in targets for each in repeats for policy, size, name in kinds]


SOURCE = {
    "name": "Radon<b>Py",
    "properties": ["density", "Cp"],
    "num_materials": 1070,
    "num_removed": 118,
    "removed": {"what": "test", "of": ["abc"]},
    "size": 952,
    "fingerprint": "f" * 64,
}
TARGET = {
    "name": "PolymerTable",
    "properties": ["density"],
    "num_materials": 1687,
    "num_removed": 0,
    "num_test": 352,
    "noise_floor": {
        "mae": 0.0123,
        "mae_without_ties": 0.0155,
        "num_replicated": 600,
        "num_tied": 40,
        "num_materials": 1687,
    },
}


def make(folder, found, title="Density", data=None):
    config = StudyConfig("pretrain.yaml", "finetune.yaml", Axes([50], [50]), output=str(folder), title=title)
    folder.mkdir(exist_ok=True)
    (folder / "study.yaml").write_text("title: <i>kept</i>\n")
    results = Results(tabulate_records(found))
    summary = write_report(results, folder, title, data)
    path = write_study_page(
        config, results, summary, {"python": "3.12.1", "versions": {"torch": "2.9.0", "rdkit": None}}
    )
    return path, Page(path.read_text()), summary
