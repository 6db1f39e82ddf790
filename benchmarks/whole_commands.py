"""How long do whole commands take, from a file to a trained model or to predictions, against chemprop and CGCNN?

`molecules`: measured melting points of 10,000 molecules to a trained D-MPNN, then 100,000 molecules to their
predictions, against `chemprop train` and `chemprop predict`. `crystals`: 1,000 CIFs to a trained CGCNN, against
`cgcnn-tr` of cgcnn2, the kept version of the original code. Start, reading, graphs, epochs, validation and saving are
all in it. The rivals live in an environment of their own, which is made if it is not there.

    GNN_SIM2REAL_DATA=... python benchmarks/whole_commands.py             # some 15 minutes of 2 quiet cores
    GNN_SIM2REAL_DATA=... python benchmarks/whole_commands.py crystals
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml
from machine import processor, publish, versions
from numpy.typing import NDArray
from pymatgen.core.structure import Structure
from pymatgen.io.cif import CifWriter

from datamodules.materials_project import materials_project_labels, materials_project_structures
from datamodules.registry import find_file
from gnn_sim2real.files import default_cache_folder

RIVALS = ("chemprop==2.3.1", "cgcnn2==0.6.0")
WANTED = {"train": 3.0, "predict": 3.0, "crystals": 5.0}
"""Smallest ratios."""

MOLECULES, PREDICTED, EPOCHS, SEED = 10_000, 100_000, 10, 0
CRYSTALS, CRYSTAL_EPOCHS = 1_000, 20
_ROOT = Path(__file__).parents[1]
_RESULT = Path(__file__).parent / "results" / "whole_commands.json"


@dataclass(frozen=True)
class Run:
    """What a command took.

    Attributes:
        seconds: By the clock.
        processor_seconds: Of all its processes.
        peak_gib: Most memory of its largest process.
    """

    seconds: float
    processor_seconds: float
    peak_gib: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="molecules, crystals; both unless given")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--environment", type=Path, default=default_cache_folder() / "benchmarks" / "chemprop")
    parser.add_argument("--output", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    parts = arguments.parts or list(_PARTS)
    if unknown := {*parts} - {*_PARTS}:
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(_PARTS)}")
    rivals = rivals_folder(arguments.environment)
    found = json.loads(arguments.output.read_text()) if arguments.output.exists() else {}
    for part in parts:
        with tempfile.TemporaryDirectory() as folder:
            found |= _PARTS[part](rivals, Path(folder), arguments.rounds)
    found |= {
        "load_average": os.getloadavg()[0],
        "threads": os.environ.get("OMP_NUM_THREADS", "as many as cores"),
        "machine": {"processor": processor(), "cores": os.cpu_count()},
        "rivals": RIVALS,
        "versions": versions("torch", "lightning", "rdkit"),
        "date": datetime.now(UTC).date().isoformat(),
    }
    publish(found, arguments.output)
    missed = [name for name, wanted in WANTED.items() if name in found and found[name]["ratio"] < wanted]
    if missed:
        raise SystemExit(f"not as fast as wanted: {', '.join(missed)}")


def rivals_folder(environment: Path) -> Path:
    """Folder of the rivals' commands, with the torch of this process; made if it is not there."""
    commands = environment / "bin"
    if not commands.exists():
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    wanted = [*RIVALS, f"torch=={torch.__version__.partition('+')[0]}"]
    words = [commands / "python", "-m", "pip", "install", "--quiet", *wanted]
    subprocess.run(words, check=True, env=os.environ | {"PYTHONPATH": ""})
    return commands


def compare_molecules(rivals: Path, folder: Path, rounds: int) -> dict[str, Any]:
    """Train on the same molecules for as many epochs with the same network, then predict the same file."""
    measured = write_molecules(folder)
    configure(folder / "fit.yaml", MOLECULE_SETTINGS)
    trained: dict[str, list[Run]] = {"ours": [], "theirs": []}
    predicted: dict[str, list[Run]] = {"ours": [], "theirs": []}
    errors: dict[str, list[float]] = {"ours": [], "theirs": []}
    for number in range(rounds):
        forget(folder)
        trained["ours"].append(run([*_OURS, "fit", "-c", "fit.yaml", "--seed_everything", str(number)], folder))
        words = ["predict", str(saved_model(folder)), "new.csv", "--prediction.output", "ours.csv"]
        predicted["ours"].append(run([*_OURS, *words], folder))
        words = ["train", *CHEMPROP, "--pytorch-seed", str(number)]
        trained["theirs"].append(run([rivals / "chemprop", *words], folder, rival=True))
        words = ["predict", "-i", "new.csv", "--model-paths", "chemprop/model_0/best.pt", "-o", "theirs.csv"]
        predicted["theirs"].append(run([rivals / "chemprop", *words, "-n", "0"], folder, rival=True))
        for name, found in errors.items():
            values = pd.read_csv(folder / f"{name}.csv").filter(like="melting_point").iloc[: len(measured), 0]
            found.append(float(np.abs(values.to_numpy() - measured).mean()))
    return {
        "train": {"molecules": MOLECULES, "epochs": EPOCHS, "test_error_K": errors}
        | beside(trained["ours"], trained["theirs"]),
        "predict": {"molecules": PREDICTED} | beside(predicted["ours"], predicted["theirs"]),
    }


def compare_crystals(rivals: Path, folder: Path, rounds: int) -> dict[str, Any]:
    """Train on the same files, with the sizes of layers, batches and epochs of the original."""
    write_crystals(rivals, folder)
    configure(folder / "fit.yaml", CRYSTAL_SETTINGS)
    sets = ("-trs", "train", "-vs", "valid", "-ts", "test", "--epoch", str(CRYSTAL_EPOCHS), "--disable-cuda")
    measured = pd.read_csv(folder / "test" / "id_prop.csv", header=None, names=["name", "energy"])
    runs: dict[str, list[Run]] = {"ours": [], "theirs": []}
    errors: dict[str, list[float]] = {"ours": [], "theirs": []}
    for number in range(rounds):
        forget(folder)
        runs["ours"].append(run([*_OURS, "fit", "-c", "fit.yaml", "--seed_everything", str(number)], folder))
        run([*_OURS, "predict", str(saved_model(folder)), "test", "--prediction.output", "ours.csv"], folder)
        predicted = pd.read_csv(folder / "ours.csv").set_index("crystal")["formation_energy [eV/atom]"]
        errors["ours"].append(
            float(np.abs(predicted[measured["name"] + ".cif"].to_numpy() - measured["energy"]).mean())
        )
        words = [rivals / "cgcnn-tr", *sets, "--random-seed", str(number), "--job-id", "theirs"]
        runs["theirs"].append(run(words, folder, rival=True))
        predicted = pd.read_csv(folder / "output_theirs" / "test_results.csv")
        errors["theirs"].append(float(np.abs(predicted["true"] - predicted["pred"]).mean()))
    what = {"crystals": CRYSTALS, "epochs": CRYSTAL_EPOCHS, "test_error_eV_per_atom": errors}
    return {"crystals": what | beside(runs["ours"], runs["theirs"])}


_PARTS = {"molecules": compare_molecules, "crystals": compare_crystals}

_OURS = (sys.executable, "-c", "import sys; from gnn_sim2real.cli.main import main; sys.exit(main(sys.argv[1:]))")

CHEMPROP = (
    *("-i", "train.csv", "-o", "chemprop", "--split-sizes", "0.9", "0.1", "0.0", "--epochs", str(EPOCHS)),
    *("--message-hidden-dim", "300", "--depth", "3", "--aggregation", "mean", "--ffn-hidden-dim", "300"),
    *("-b", "64", "-n", "0", "--data-seed", str(SEED)),
)

_TRAINER = {
    "accelerator": "cpu",
    "default_root_dir": "runs",
    "logger": False,
    "enable_progress_bar": False,
}
MOLECULE_SETTINGS = {
    "trainer": _TRAINER | {"max_epochs": EPOCHS},
    "model": {
        "class_path": "gnn_sim2real.tasks.SourcePretraining",
        "init_args": {
            "encoder": {"class_path": "gnn_sim2real.nn.DMPNN", "init_args": {"hidden_dim": 300, "num_layers": 3}},
            "optimizer": {"class_path": "torch.optim.Adam", "init_args": {"lr": 1e-3}},
        },
    },
    "data": {
        "class_path": "datamodules.Table",
        "init_args": {
            "path": "train.csv",
            "property": "melting_point",
            "unit": "K",
            "validation_fraction": 0.1,
            "batch_size": 64,
        },
    },
}
CRYSTAL_SETTINGS = {
    "trainer": _TRAINER | {"max_epochs": CRYSTAL_EPOCHS},
    "model": {
        "class_path": "gnn_sim2real.tasks.SourcePretraining",
        "init_args": {
            "encoder": {
                "class_path": "gnn_sim2real.nn.CGCNN",
                "init_args": {"hidden_dim": 64, "num_layers": 3, "cutoff": 8.0},
            },
            "optimizer": {"class_path": "torch.optim.Adam", "init_args": {"lr": 1e-2}},
        },
    },
    "data": {
        "class_path": "datamodules.CrystalFolder",
        "init_args": {
            "structures": "cifs",
            "property": "formation_energy",
            "unit": "eV/atom",
            "validation_fraction": 0.1,
            "batch_size": 256,
            "cutoff": 8.0,
            "max_neighbors": 12,
        },
    },
}


def forget(folder: Path) -> None:
    """Nothing of an earlier round may help."""
    for name in ("cache", "runs", "chemprop", "output_theirs"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("ours.csv", "theirs.csv"):
        (folder / name).unlink(missing_ok=True)


def saved_model(folder: Path) -> Path:
    """The checkpoint that our training left."""
    return next((folder / "runs").glob("**/*.ckpt"))


def beside(ours: Sequence[Run], theirs: Sequence[Run]) -> dict[str, Any]:
    """Medians of both, and of the ratios of the rounds: by the clock, and of the time of all processors."""

    def median(values: Iterable[float]) -> float:
        return round(statistics.median(values), 3)

    pairs = list(zip(ours, theirs, strict=True))
    found: dict[str, Any] = {
        "ratio": median(their.seconds / our.seconds for our, their in pairs),
        "processor_ratio": median(their.processor_seconds / our.processor_seconds for our, their in pairs),
    }
    for name, runs in (("ours", ours), ("theirs", theirs)):
        found[name] = {
            "seconds": median(each.seconds for each in runs),
            "processor_seconds": median(each.processor_seconds for each in runs),
            "peak_gib": median(each.peak_gib for each in runs),
        }
    return found


def configure(path: Path, settings: Mapping[str, Any]) -> None:
    path.write_text(yaml.safe_dump(dict(settings)))


def write_molecules(folder: Path) -> NDArray[np.float64]:
    """The training table, and one to predict; (num_tested,) melting points of its first rows [K]."""
    measured = pd.read_csv(find_file("measured_properties"), keep_default_na=False, na_values=[""])[
        ["smiles", "tm_K"]
    ].dropna()
    measured = measured.rename(columns={"tm_K": "melting_point"}).sample(frac=1, random_state=SEED)
    train, test = measured.iloc[:MOLECULES], measured.iloc[MOLECULES:]
    computed = pd.read_parquet(find_file("qm9"), columns=["smiles"])["smiles"]
    train.to_csv(folder / "train.csv", index=False)
    smiles = [*test["smiles"], *computed][:PREDICTED]
    pd.DataFrame({"smiles": smiles}).to_csv(folder / "new.csv", index=False)
    return test["melting_point"].to_numpy(np.float64)


def write_crystals(rivals: Path, folder: Path) -> None:
    """Ordered crystals of the Materials Project as files, the energy of each in a table without a header.

    `train`, `valid` and `test` hold 80, 10 and 10 % of them with the features of elements that the original needs;
    `cifs`, which we read and take the validation part of by ourselves, what is in the first two.
    """
    structures = materials_project_structures()
    labels = materials_project_labels().dropna(subset=["e_form"]).set_index("material_id")["e_form"]
    known, small = set(labels.index), structures.num_sites <= 30
    sound = [row for row, name in enumerate(structures.names) if small[row] and name in known]
    chosen = np.random.default_rng(SEED).choice(sound, CRYSTALS, replace=False).tolist()
    (elements,) = rivals.parent.glob("lib/python*/site-packages/cgcnn2/asset/atom_init.json")
    ends = {"train": 0.8, "valid": 0.9, "test": 1.0}
    tables: dict[str, list[tuple[str, float]]] = {part: [] for part in (*ends, "cifs")}
    for part in tables:
        (folder / part).mkdir()
        shutil.copy(elements, folder / part / "atom_init.json")
    (folder / "cifs" / "atom_init.json").unlink()
    for number, row in enumerate(chosen):
        crystal, name = structures.crystals[row], structures.names[row]
        structure = Structure(crystal.lattice, crystal.atomic_number.tolist(), crystal.fractional)
        part = next(each for each, end in ends.items() if number < end * CRYSTALS)
        for place in (part,) if part == "test" else (part, "cifs"):
            CifWriter(structure).write_file(folder / place / f"{name}.cif")
            tables[place].append((name, float(labels[name])))
    for part, rows in tables.items():
        pd.DataFrame(rows).to_csv(folder / part / "id_prop.csv", index=False, header=False)


def run(words: Sequence[str | Path], folder: Path, *, rival: bool = False) -> Run:
    """Run a command to its end.

    Args:
        words: The command.
        folder: Where it runs; caches of ours lie there as well.
        rival: Whether it is not ours, and must not find our packages.

    Raises:
        SystemExit: If it fails.
    """
    settings = {"GNN_SIM2REAL_CACHE": str(folder / "cache"), "PYTHONPATH": "" if rival else str(_ROOT)}
    log = folder / "log.txt"
    began = time.perf_counter()
    with log.open("w") as output:
        process = subprocess.Popen(
            [str(word) for word in words], cwd=folder, env=os.environ | settings, stdout=output, stderr=output
        )
        peak, ended = 0.0, 0
        while not ended:  # the kernel counts the memory of the parent in that of a child, so the child is looked at
            peak = max(peak, _peak_gib(process.pid))
            time.sleep(0.02)
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
    seconds = time.perf_counter() - began
    if status:
        raise SystemExit(f"{' '.join(map(str, words))} fails:\n{log.read_text()[-3000:]}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, peak)


def _peak_gib(process: int) -> float:
    """Most memory of a process that runs; nothing of one that ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except ProcessLookupError:
        return 0.0
    return next((int(line.split()[1]) / 2**20 for line in lines if line.startswith("VmHWM:")), 0.0)


if __name__ == "__main__":
    main()
