"""Does the structure of disordered crystals tell their ionic conductivity? `python disordered.py [MEMBER ...]`.

OBELiX has 599 measured room-temperature conductivities of lithium electrolytes, 321 of them with a CIF, most of which
are disordered, and an official split, whose papers do not cross it (Therrien et al., arXiv 2502.14234, CC BY 4.0). Each
member learns log10 of the conductivity from the training part alone; values below a detection limit are taken for it.
Nothing is chosen on the test part: settings, members, the rule of the weights and the weights themselves are chosen by
predictions of five folds of the training part. Between these no paper and no formula is shared, and of large families
of papers and formulas none is left out, as in the official split. Members of structures answer for materials with a
CIF; the others have an ensemble without them.

Errors are mean absolute errors in decades, with 90 % intervals over draws of test materials: of all 121, of those with
a readable CIF, and of those below a detection limit, where a prediction below the limit has no error. Two members are
also compared with each other, on the same materials.

Members with `library` have predictions of the models of formulas in the starter library, which were trained on the
Materials Project; those with `sources` also those of structures, of its model and of a CGCNN that is pretrained here on
the Materials Project and AFLOW without the formulas of the test part, of the average crystals; those with `chgnet`
features of CHGNet of ordered approximants, and need the extra `foundation-crystal`. `cgcnn_pretrained` is fine-tuned.

Networks are small and trained for a few epochs, so that all fits into minutes; they are no measure of what the encoders
can do.

What is computed is kept beside the result (`--kept`), so that it goes on where it was stopped. `$GNN_SIM2REAL_DATA`
names the folder of the real data.
"""

import argparse
import copy
import tarfile
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from machine import processor, publish, versions
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesRegressor

from datamodules.aflow import SUSPECT
from datamodules.materials_project import MAX_FORMATION_ENERGY, MAX_VOLUME
from datamodules.registry import find_table
from gnn_sim2real.baselines.extra_trees import SETTINGS
from gnn_sim2real.ensemble.weights import combine, learn_weights
from gnn_sim2real.featurize.composition import describe_formulas, read_formula
from gnn_sim2real.featurize.composition_statistics import composition_statistics
from gnn_sim2real.featurize.crystal import Crystal
from gnn_sim2real.featurize.crystal_files import crystal_formula, read_crystals
from gnn_sim2real.featurize.crystal_table import CrystalFile, lattices_of_parameters
from gnn_sim2real.featurize.featurizer import get_featurizer
from gnn_sim2real.featurize.ordering import CannotOrderError, order
from gnn_sim2real.foundation.features import compute_features, make_encoder
from gnn_sim2real.gaussian_process import GaussianProcess
from gnn_sim2real.graph import Graph
from gnn_sim2real.library import load_model
from gnn_sim2real.nn import CGCNN, Encoder, PropertyModel, Roost
from gnn_sim2real.nn.model import PropertySpec
from gnn_sim2real.splits.grouped import join_families
from gnn_sim2real.store.graphs import GraphStore

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

RESULT = Path(__file__).parent / "results" / "disordered.json"
RESULT_FOLDER = "benchmarks/results"
KEPT = Path("runs/disordered")
LIBRARY = ("composition/density", "composition/formation_energy", "composition/volume_per_atom")
FOLDS, DRAWS, SEEDS = 5, 2000, (0, 1)
CELL = ["space_group_number", "a", "b", "c", "alpha", "beta", "gamma"]
FIRST_OF_SYSTEM = [3, 16, 75, 143, 168, 195]
"""First space group of each crystal system after the triclinic one."""

APPROXIMANTS, MOST_SITES = 2, 160
LARGEST = 12
"""Rows of the largest family of the official test part, see `folds_of`."""

FEWEST = 3
"""Materials of the training part in which an element must be to have a column of its own."""

SOURCE = ("band_gap", "formation_energy", "volume", "bulk_modulus", "debye_temperature", "thermal_conductivity")
"""What a CGCNN of structures is pretrained on: PBE gap [eV], formation energy [eV/atom], and decimal logarithms of the
volume [angstrom^3/atom] (Materials Project) and of AFLOW's modulus [GPa], Debye temperature [K] and conductivity
[W/(m K)]."""

SOURCE_MODEL = "starter:crystal/formation_energy"
SOURCE_SIZE, SOURCE_SITES, SOURCE_EPOCHS = 8000, 24, 8

CUTOFF, NEAREST = 4.5, 6
BATCH, RATE, WIDTH = 32, 2e-3, 48
EPOCHS = {"roost": 40, "cgcnn_average": 25, "cgcnn_order": 25, "cgcnn_pretrained": 25}


class Data(NamedTuple):
    """The table: log10 of the conductivity, and what is known of each material."""

    ids: list[str]
    is_test: NDArray[np.bool_]
    values: Floats
    is_bound: NDArray[np.bool_]
    papers: list[str]
    formulas: list[str]
    cells: Floats
    crystals: list[Crystal | None]


@cache
def read() -> Data:
    """Read the table and the CIFs."""
    table = find_table("crystal/obelix/obelix.csv")
    frame = pd.read_csv(table, keep_default_na=False, na_values=[""])
    texts = frame["ionic_conductivity_S_cm"].astype(str).str.strip()
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(table.with_name("all_cifs.tar.gz")) as archive:
            archive.extractall(folder, filter="data")
        found = {each.name: each.crystal for each in read_crystals(Path(folder) / "all_randomized_cifs", True)}
    formulas = frame["composition"].tolist()
    return Data(
        ids=frame["id"].tolist(),
        is_test=(frame["part"] == "test").to_numpy(),
        values=np.log10(texts.str.lstrip("<").astype(float).to_numpy()),
        is_bound=texts.str.startswith("<").to_numpy(),
        papers=frame["doi"].fillna(frame["id"]).tolist(),
        formulas=formulas,
        cells=_describe_cells(frame[CELL].to_numpy(np.float64), formulas),
        crystals=[found.get(f"{name}.cif") for name in frame["id"]],
    )


def _describe_cells(parameters: Floats, formulas: Sequence[str]) -> Floats:
    """Space group and cell as they are, and what does not depend on the choice of the cell.

    The crystal system, volume per atom, number density of lithium, ratios of the edges, and the largest deviation of an
    angle from 90 degrees; beside them the volume and the number of atoms of the cell.
    """
    volume = np.abs(np.linalg.det(lattices_of_parameters(parameters[:, 1:])))
    amounts = [read_formula(each) for each in formulas]
    total, lithium = np.array([(sum(each.values()), each.get(3, 0.0)) for each in amounts]).T
    edges = np.sort(parameters[:, 1:4], axis=1)
    return np.column_stack(
        [
            parameters,
            np.digitize(parameters[:, 0], FIRST_OF_SYSTEM),
            volume / total,
            lithium / volume,
            np.log(volume),
            total,
            edges[:, 1:] / edges[:, :1],
            np.abs(parameters[:, 4:] - 90).max(axis=1),
        ]
    )


def families_of(data: Data, rows: Rows) -> list[str]:
    """Family of each row: those of a paper or of a formula are one."""
    formula = get_featurizer("composition").identity
    return join_families([formula(data.formulas[row]) for row in rows], [data.papers[row] for row in rows])


def folds_of(data: Data, rows: Rows, like_official: bool = True) -> NDArray[np.int64]:
    """Fold of each row, -1 for those that are trained on in every fold.

    Rows of a paper or of a formula are a family, which is in one fold. The official test part has small families alone,
    so the large ones are always trained on. The largest come first, each into the fold with the fewest rows.

    Args:
        data: The table.
        rows: The rows.
        like_official: Whether folds are so; else only papers are families, and all are in folds.
    """
    families = families_of(data, rows) if like_official else [data.papers[row] for row in rows]
    sizes, fold = Counter(families), dict[str, int]()
    filled = [0] * FOLDS
    for family in sorted(sizes, key=lambda each: (-sizes[each], each)):
        fold[family] = -1
        if not like_official or sizes[family] <= LARGEST:
            fold[family] = filled.index(min(filled))
            filled[fold[family]] += sizes[family]
    return np.array([fold[family] for family in families])


@cache
def statistics() -> Floats:
    """(num_materials, num_features); statistics of the elements."""
    return describe_formulas(read().formulas, composition_statistics)


@cache
def fractions() -> Floats:
    """(num_materials, num_elements); square roots of the fractions of the elements."""
    data = read()
    amounts = [read_formula(each) for each in data.formulas]
    elements = sorted({number for each in amounts for number in each})
    table = np.array([[each.get(number, 0.0) / sum(each.values()) for number in elements] for each in amounts])
    frequent = (table[~data.is_test] > 0).sum(axis=0) >= FEWEST
    return np.sqrt(table[:, frequent])


@cache
def of_library() -> Floats:
    """(num_materials, num_columns); what models of formulas in the starter library predict."""
    formulas = read().formulas
    return np.column_stack([load_model(f"starter:{name}").predict(formulas).values for name in LIBRARY])


@cache
def of_chgnet() -> Floats:
    """(num_materials, num_features); mean features of CHGNet over the ordered approximants, NaN without any."""
    path = KEPT / "chgnet.npy"
    if not path.exists():
        ordered: list[Crystal] = []
        row_of: list[int] = []
        for row, crystal in enumerate(read().crystals):
            if crystal is None:
                continue
            try:
                found = order(crystal, APPROXIMANTS, MOST_SITES)
            except CannotOrderError:
                continue
            found = [each for each in found if each.num_sites <= MOST_SITES]
            ordered += found
            row_of += [row] * len(found)
        encoder, folder = make_encoder("chgnet").encoder, KEPT / "chgnet"
        features = compute_features(encoder, ordered, "crystal", "readout_mean", folder).values
        table = np.full((len(read().ids), features.shape[1]), np.nan)
        for row in sorted({*row_of}):
            table[row] = features[np.array(row_of) == row].mean(axis=0)
        np.save(path, table)
    return np.load(path)


@cache
def of_structure() -> Floats:
    """(num_materials, num_features); what an average structure says of lithium and its sites, NaN without one.

    Number density of atoms and of lithium, sites of lithium for each lithium atom, their mean occupancy, the share of
    other sites that are mixed or vacant, the nearest distance between sites of lithium that may both be filled and to
    an anion (mean and least), the number of anions around lithium, and the entropy of the occupancies for each atom.
    """
    rows = np.full((len(read().ids), 12), np.nan)
    for row, crystal in enumerate(read().crystals):
        if crystal is not None:
            rows[row] = _structure_features(crystal)
    return rows


def _structure_features(crystal: Crystal) -> list[float]:
    from pymatgen.core.lattice import Lattice

    held = [
        crystal.species.of_site(site) if crystal.species else {int(number): 1.0}
        for site, number in enumerate(crystal.atomic_number)
    ]
    lithium = np.array([site.get(3, 0.0) for site in held])
    occupancy = np.array([sum(site.values()) for site in held])
    anion = np.array(
        [sum(share for number, share in site.items() if number in (7, 8, 9, 16, 17, 34, 35, 53)) for site in held]
    )
    shares = np.array([share for site in held for share in [*site.values(), max(1 - sum(site.values()), 1e-12)]])
    entropy = -float((shares * np.log(np.maximum(shares, 1e-12))).sum()) / occupancy.sum()
    is_li, is_anion = lithium > 0.005, anion > 0.5
    distance = np.array(Lattice(crystal.lattice).get_all_distances(crystal.fractional, crystal.fractional))
    np.fill_diagonal(distance, np.inf)
    between = np.where((distance > 1.9)[np.ix_(is_li, is_li)], distance[np.ix_(is_li, is_li)], np.inf).min(
        axis=1, initial=9.0
    )
    to_anion = distance[np.ix_(is_li, is_anion)]
    nearest = to_anion.min(axis=1, initial=9.0)
    around = ((to_anion < 2.9) * anion[is_anion]).sum(axis=1)
    weight = lithium[is_li]
    if not len(weight):
        return [np.nan] * 12
    mean = partial(np.average, weights=weight)
    others = ~is_li
    mixed = float(
        np.mean(
            [len(site) > 1 or sum(site.values()) < 1 for site, other in zip(held, others, strict=True) if other] or [0]
        )
    )
    return [
        occupancy.sum() / crystal.volume,
        lithium.sum() / crystal.volume,
        is_li.sum() / lithium.sum(),
        float(mean(weight)),
        mixed,
        float(mean(between)),
        float(between.min()),
        float(mean(nearest)),
        float(nearest.min()),
        float(mean(around)),
        float(np.std(around)),
        entropy,
    ]


@cache
def read_sources() -> tuple[GraphStore, torch.Tensor]:
    """Graphs of crystals of the Materials Project and AFLOW, and their properties, NaN where missing.

    Formulas of the test part are left out, and what `datamodules` leaves out as faulty.
    """
    data, identity = read(), get_featurizer("composition").identity
    tested = {identity(data.formulas[row]) for row in np.flatnonzero(data.is_test)}
    tested |= {crystal_formula(data.crystals[row]) for row in np.flatnonzero(data.is_test) if data.crystals[row]}
    project = find_table("crystal/mp_structures/mp_structures.parquet")
    columns = ["material_id", "reduced_formula", "nsites", "volume"]
    frame = pd.read_parquet(project, columns=columns)
    labels = pd.read_parquet(find_table("crystal/mp_labels/mp_labels.parquet")).drop(columns="reduced_formula")
    frame = frame.merge(labels, on="material_id", how="left")
    volume = frame["volume"] / frame["nsites"]
    used = (frame["nsites"] <= SOURCE_SITES) & (volume < MAX_VOLUME) & ~(frame["e_form"] > MAX_FORMATION_ENERGY)
    used &= frame["band_gap_pbe"].notna() & ~frame["reduced_formula"].map(identity).isin(tested)
    rows = np.sort(np.random.default_rng(0).permutation(np.flatnonzero(used))[:SOURCE_SIZE])
    missing = np.full(len(rows), np.nan)
    known = [
        frame["band_gap_pbe"].to_numpy()[rows],
        frame["e_form"].to_numpy()[rows],
        np.log10(volume.to_numpy()[rows]),
    ]
    of_project = CrystalFile(project)
    crystals = [of_project[int(row)] for row in rows]
    values = [np.column_stack([*known, missing, missing, missing])]
    aflow = find_table("crystal/aflow_agl_ael/aflow_agl_ael.parquet")
    names = ["ael_bulk_modulus_vrh", "ael_debye_temperature", "agl_thermal_conductivity_300K"]
    frame = pd.read_parquet(aflow, columns=["reduced_formula", "nsites", *names])
    used = (frame["nsites"] <= SOURCE_SITES) & ~frame["reduced_formula"].isin(SUSPECT)
    used &= ~frame["reduced_formula"].map(identity).isin(tested)
    rows = np.flatnonzero(used)
    of_aflow = CrystalFile(aflow)
    crystals += [of_aflow[int(row)] for row in rows]
    positive = frame[names].where(frame[names] > 0).to_numpy(np.float64)[rows]
    missing = np.full((len(rows), 3), np.nan)
    values.append(np.column_stack([missing, np.log10(positive)]))
    featurize = get_featurizer("crystal", cutoff=CUTOFF, max_neighbors=NEAREST).featurize
    graphs, kept, whole = [], [], np.concatenate(values)
    for row, crystal in enumerate(crystals):
        try:
            graphs.append(featurize(crystal))
        except ValueError:  # two sites at one place, or an atom without a neighbor
            continue
        kept.append(row)
    return GraphStore.from_graphs(graphs), torch.from_numpy(whole[kept]).float()


@cache
def pretrained() -> PropertyModel:
    """The CGCNN of `SOURCE`, trained once."""
    torch.manual_seed(0)
    model = PropertyModel(crystal_encoder(), [PropertySpec(name, "") for name in SOURCE])
    path = KEPT / "pretrained.pt"
    if not path.exists():
        store, targets = read_sources()
        model.fit_scales(targets)
        optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=1e-4)
        batches = -(-len(targets) // 128)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, 2 * RATE, total_steps=SOURCE_EPOCHS * batches, pct_start=0.1
        )
        for epoch in range(SOURCE_EPOCHS):
            losses = []
            for some in torch.randperm(len(targets)).tensor_split(batches):
                error = (model.predict(store.select(some)) - targets[some]) / model.scaler.std
                error = error[~error.isnan()]
                loss = torch.nn.functional.huber_loss(error, torch.zeros_like(error), delta=0.5)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                losses.append(loss.item())
            print("pretraining", epoch, round(float(np.mean(losses)), 4), flush=True)
        torch.save(model.state_dict(), path)
    model.load_state_dict(torch.load(path, weights_only=True))
    return model.eval()


@cache
def of_sources() -> Floats:
    """(num_materials, 7); what models of structures predict of the average crystals, NaN without one."""
    store, readable = store_of_structures("average")
    model = pretrained()
    with torch.inference_mode():
        parts = torch.arange(len(store)).split(64)
        own = torch.cat([model.predict(store.select(part)) for part in parts]).double().numpy()
    crystals = [each for each in read().crystals if each is not None]
    library = load_model(SOURCE_MODEL).with_disorder("average").predict(crystals).values
    table = np.full((len(readable), own.shape[1] + library.shape[1]), np.nan)
    table[readable] = np.column_stack([own, library])
    return table


# Each member learns from some rows and answers for others: NaN where it cannot.
Member = Callable[[Rows, Rows], Floats]


def trees(
    columns: Callable[[], Floats], train: Rows, asked: Rows, max_features: float = 1.0, by_family: bool = False
) -> Floats:
    """Extra trees on some columns, the mean of two seeds; they read columns with gaps.

    Args:
        columns: Makes the columns.
        train: Rows to learn from.
        asked: Rows to predict.
        max_features: Share of the columns that are looked at in each split.
        by_family: Whether a row weighs by the inverse root of the number of rows of its family.
    """
    table, values, weights = columns(), read().values, np.ones(len(train))
    if by_family:
        families = families_of(read(), train)
        sizes = Counter(families)
        weights = np.array([sizes[each] for each in families]) ** -0.5
    forests = [ExtraTreesRegressor(**SETTINGS | {"max_features": max_features}, random_state=seed) for seed in SEEDS]
    fitted = [each.fit(table[train], values[train], sample_weight=weights) for each in forests]
    return np.asarray(np.mean([each.predict(table[asked]) for each in fitted], axis=0))


def gaussian_process(columns: Sequence[Callable[[], Floats]], train: Rows, asked: Rows, gaps: bool = False) -> Floats:
    """A Gaussian process on blocks of columns; it answers for rows with gaps if it may fill them with medians."""
    blocks, values = [each() for each in columns], read().values
    whole = np.isfinite(np.column_stack(blocks)).all(axis=1) | gaps
    known, can = train[whole[train]], whole[asked]
    answer = np.full(len(asked), np.nan)
    process = GaussianProcess().fit([each[known] for each in blocks], values[known])
    answer[can] = process.predict([each[asked[can]] for each in blocks])[0]
    return answer


def network(
    name: str,
    make: Callable[[], Encoder],
    store_of: Callable[[], tuple[GraphStore, NDArray[np.bool_]]],
    train: Rows,
    asked: Rows,
) -> Floats:
    """A network from scratch; the loss of a value below a limit is one-sided."""
    store, readable = store_of()
    place = np.cumsum(readable) - 1
    known, can = train[readable[train]], readable[asked]
    answer = np.full(len(asked), np.nan)
    answer[can] = _train(name, make, store, place, known, asked[can], SEEDS[0])
    return answer


def _train(
    name: str, make: Callable[[], Encoder], store: GraphStore, place: Rows, known: Rows, asked: Rows, seed: int
) -> Floats:
    torch.manual_seed(seed)
    targets = torch.from_numpy(read().values[known]).float()
    bound = torch.from_numpy(read().is_bound[known])
    model = PropertyModel(make(), [PropertySpec("log_conductivity", "")])
    model.fit_scales(targets.unsqueeze(1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=1e-3)
    rows, epochs = torch.from_numpy(place[known]), EPOCHS[name]
    steps = epochs * -(-len(known) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps, pct_start=0.1)
    for _ in range(epochs):
        for some in torch.randperm(len(known)).tensor_split(-(-len(known) // BATCH)):
            error = (model.predict(store.select(rows[some]))[:, 0] - targets[some]) / model.scaler.std[0]
            error = torch.where(bound[some], error.clamp_min(0), error)
            optimizer.zero_grad()
            torch.nn.functional.huber_loss(error, torch.zeros_like(error), delta=0.5).backward()
            optimizer.step()
            schedule.step()
    model.eval()
    with torch.inference_mode():
        parts = torch.from_numpy(place[asked]).split(64)
        return torch.cat([model.predict(store.select(part))[:, 0] for part in parts]).double().numpy()


@cache
def store_of_compositions() -> tuple[GraphStore, NDArray[np.bool_]]:
    """Graphs of all compositions."""
    featurize = get_featurizer("composition").featurize
    return GraphStore.from_graphs(map(featurize, read().formulas)), np.ones(len(read().ids), np.bool_)


@cache
def store_of_structures(disorder: str) -> tuple[GraphStore, NDArray[np.bool_]]:
    """Graphs of the crystals that can be read, and which they are."""
    featurize = get_featurizer(
        "crystal",
        cutoff=CUTOFF,
        max_neighbors=NEAREST,
        disorder=disorder,
        approximants=APPROXIMANTS,
        max_ordered_sites=MOST_SITES,
    ).featurize
    graphs: list[Graph] = []
    readable = np.zeros(len(read().ids), np.bool_)
    for row, crystal in enumerate(read().crystals):
        if crystal is not None:
            graphs.append(featurize(crystal))
            readable[row] = True
    return GraphStore.from_graphs(graphs), readable


def crystal_encoder() -> Encoder:
    return CGCNN(hidden_dim=32, num_layers=2, num_gaussians=24, cutoff=CUTOFF)


def with_cell() -> Floats:
    return np.column_stack([statistics(), read().cells])


def side_by_side(*blocks: Callable[[], Floats]) -> Callable[[], Floats]:
    """Several blocks of columns as one."""
    return cache(lambda: np.column_stack([each() for each in blocks]))


def cells() -> Floats:
    return read().cells


def invariants() -> Floats:
    """The space group, and what does not depend on the choice of the cell."""
    return read().cells[:, [0, *range(len(CELL), read().cells.shape[1])]]


MEMBERS: dict[str, Member] = {
    "trees": partial(trees, statistics),
    "trees_cell": partial(trees, with_cell),
    "trees_fractions": partial(trees, side_by_side(fractions, invariants)),
    "trees_library": partial(trees, side_by_side(fractions, invariants, of_library)),
    "gaussian_process": partial(gaussian_process, [statistics]),
    "gaussian_process_cell": partial(gaussian_process, [statistics, cells]),
    "gaussian_process_fractions": partial(gaussian_process, [fractions, cells]),
    "gaussian_process_library": partial(gaussian_process, [fractions, cells, of_library]),
    "trees_few_columns": partial(trees, side_by_side(fractions, invariants), max_features=0.3),
    "trees_families": partial(trees, side_by_side(fractions, invariants), by_family=True),
    "gaussian_process_invariants": partial(gaussian_process, [fractions, invariants]),
    "roost": partial(network, "roost", lambda: Roost(hidden_dim=WIDTH, mlp_dim=64), store_of_compositions),
    "trees_structure": partial(trees, side_by_side(fractions, invariants, of_structure)),
    "gaussian_process_structure": partial(gaussian_process, [fractions, cells, of_structure]),
    "trees_chgnet": partial(trees, side_by_side(fractions, invariants, of_chgnet)),
    "gaussian_process_chgnet": partial(gaussian_process, [fractions, cells, of_chgnet]),
    "trees_sources": partial(trees, side_by_side(fractions, invariants, of_library, of_sources)),
    "gaussian_process_sources": partial(gaussian_process, [fractions, invariants, of_library, of_sources], gaps=True),
    "cgcnn_average": partial(network, "cgcnn_average", crystal_encoder, partial(store_of_structures, "average")),
    "cgcnn_order": partial(network, "cgcnn_order", crystal_encoder, partial(store_of_structures, "order")),
    "cgcnn_pretrained": partial(
        network,
        "cgcnn_pretrained",
        lambda: copy.deepcopy(pretrained().encoder),
        partial(store_of_structures, "average"),
    ),
}
SUFFIXES = ("structure", "sources", "chgnet", "average", "order", "pretrained")
OF_STRUCTURES = tuple(name for name in MEMBERS if name.endswith(SUFFIXES))
RULES = ("bagged least absolute", "one standard error", "best three", "equal")


class Stack(NamedTuple):
    """Members and the rule of their weights, chosen on the folds."""

    members: tuple[str, ...]
    rule: str
    error: float


def stacked(inner: Floats, values: Floats, fold: NDArray[np.int64], rule: str) -> Floats:
    """Predictions of an ensemble for rows that neither its members nor its weights have seen."""
    answer = np.empty(len(values))
    for number in range(FOLDS):
        out = fold == number
        answer[out] = combine(inner[out], learn_weights(inner[~out], values[~out], rule))
    return answer


def choose(names: Sequence[str], inner: Floats, values: Floats, fold: NDArray[np.int64]) -> Stack:
    """The best members, added one by one while the ensemble of the folds gains, and the rule of their weights.

    Args:
        names: Names of the members.
        inner: (num_rows, num_members); predictions in folds.
        values: (num_rows,).
        fold: (num_rows,); fold of each.
    """

    def error(some: Sequence[int], rule: str) -> float:
        return float(np.abs(stacked(inner[:, some], values, fold, rule) - values).mean())

    order_of_merit = np.argsort(np.abs(inner - values[:, None]).mean(axis=0)).tolist()
    best = Stack((), "", np.inf)
    for rule in RULES:
        for number in range(1, len(names) + 1):
            found = error(order_of_merit[:number], rule)
            if found < best.error:
                best = Stack(tuple(names[each] for each in order_of_merit[:number]), rule, found)
    return best


def interval(errors: Floats) -> list[float]:
    """90 % interval of the mean, over draws of the materials."""
    draws = np.random.default_rng(0).integers(len(errors), size=(DRAWS, len(errors)))
    return [round(float(each), 3) for each in np.quantile(errors[draws].mean(axis=1), [0.05, 0.95])]


def score(errors: Floats, where: NDArray[np.bool_]) -> dict[str, Any]:
    """Mean absolute error of some materials, of those with an answer."""
    present = errors[where & np.isfinite(errors)]
    if not len(present):
        return {"num": 0}
    return {"num": len(present), "mae": round(float(present.mean()), 4), "interval_90": interval(present)}


def compute(names: Sequence[str], kept: Path) -> tuple[Floats, Floats, list[str]]:
    """Predictions without the fold of a training material, and of the test materials, by member."""
    data = read()
    train, test = np.flatnonzero(~data.is_test), np.flatnonzero(data.is_test)
    fold = folds_of(data, train)
    kept.mkdir(parents=True, exist_ok=True)
    done = []
    for name in names:
        path = kept / f"{name}.npz"
        if not path.exists():
            inner = predict_in_folds(MEMBERS[name], train, fold)
            np.savez(path, inner=inner, outer=MEMBERS[name](train, test))
        found = np.load(path)
        error = np.nanmean(np.abs(found["inner"] - data.values[train]))
        print(name, "in folds", round(float(error), 3), flush=True)
        done.append((found["inner"], found["outer"]))
    return np.stack([each[0] for each in done], axis=1), np.stack([each[1] for each in done], axis=1), list(names)


def predict_in_folds(member: Member, train: Rows, fold: NDArray[np.int64]) -> Floats:
    """Predictions of each row by what was trained without its fold."""
    inner = np.full(len(train), np.nan)
    for number in range(FOLDS):
        inner[fold == number] = member(train[fold != number], train[fold == number])
    return inner


def _named(names: Sequence[str], weights: Floats) -> dict[str, float]:
    return {name: round(float(weight), 3) for name, weight in zip(names, weights, strict=True)}


def main() -> None:
    """Compute the members that are named, and write the result."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("members", nargs="*", default=list(MEMBERS), help="members, all unless given")
    parser.add_argument("--kept", type=Path, default=KEPT, help="folder of what is computed")
    parser.add_argument("--result", type=Path, default=RESULT, help="file of the result")
    options = parser.parse_args()
    inner, outer, names = compute(options.members, options.kept)
    data = read()
    train, test = ~data.is_test, data.is_test
    values, bound = data.values[test], data.is_bound[test]
    has_cif = np.array([each is not None for each in data.crystals])[test]
    disordered = np.array([each is not None and not each.is_ordered for each in data.crystals])
    of_composition = [number for number, name in enumerate(names) if name not in OF_STRUCTURES]
    answers = {name: outer[:, number] for number, name in enumerate(names)}
    fold = folds_of(data, np.flatnonzero(train))
    known, inner = data.values[train][fold >= 0], inner[fold >= 0]
    fold = fold[fold >= 0]
    read_by_all = np.isfinite(inner).all(axis=1)
    plain_names = [names[number] for number in of_composition]
    plain_choice = choose(plain_names, inner[:, of_composition], known, fold)
    choice = choose(names, inner[read_by_all], known[read_by_all], fold[read_by_all])
    some = [names.index(name) for name in plain_choice.members]
    plain_error = np.abs(stacked(inner[:, some], known, fold, plain_choice.rule) - known)
    helps = any(name in OF_STRUCTURES for name in choice.members) and choice.error < plain_error[read_by_all].mean()
    answers["ensemble_chosen"] = combine(outer[:, some], learn_weights(inner[:, some], known, plain_choice.rule))
    readable = np.isfinite(outer).all(axis=1)
    if helps:
        some = [names.index(name) for name in choice.members]
        weights_of_choice = learn_weights(inner[read_by_all][:, some], known[read_by_all], choice.rule)
        answers["ensemble_chosen"][readable] = combine(outer[readable][:, some], weights_of_choice)
    # Beside it all members by the default rule, without structures and, where all can read it, with them.
    plain = learn_weights(inner[:, of_composition], known)
    weights = learn_weights(inner[read_by_all], known[read_by_all])
    answers["ensemble_without_structures"] = combine(outer[:, of_composition], plain)
    answers["ensemble"] = answers["ensemble_without_structures"].copy()
    answers["ensemble"][readable] = combine(outer[readable], weights)
    answers["median_of_training"] = np.full(int(test.sum()), np.median(data.values[train]))
    train_rows = np.flatnonzero(train)
    alone = predict_in_folds(MEMBERS["trees_fractions"], train_rows, folds_of(data, train_rows, like_official=False))
    by_paper = float(np.abs(alone - data.values[train]).mean())
    result: dict[str, Any] = {
        "command": f"python benchmarks/disordered.py {' '.join(names)} --result {RESULT_FOLDER}/{options.result.name}",
        "what": "log10 of the ionic conductivity [S/cm] of OBELiX, official test part; errors in decades",
        "processor": processor(),
        "versions": versions("torch", "scikit-learn", "pymatgen"),
        "num_train": int(train.sum()),
        "num_test": int(test.sum()),
        "num_readable_cifs": sum(each is not None for each in data.crystals),
        "num_disordered": int(disordered.sum()),
        "weights": {
            "ensemble": _named(names, weights),
            "ensemble_without_structures": _named(plain_names, plain),
        },
        "chosen": {
            "members": list(plain_choice.members),
            "rule": plain_choice.rule,
            "of_materials_with_structure": list(choice.members),
            "structures_help_in_folds": bool(helps),
        },
        "in_folds_of_training": {
            name: {
                "all": round(float(np.nanmean(np.abs(inner[:, number] - known))), 4),
                "read_by_all": round(float(np.abs(inner[read_by_all, number] - known[read_by_all]).mean()), 4),
            }
            for number, name in enumerate(names)
        }
        | {
            "ensemble_chosen": {
                "all": round(float(plain_error.mean()), 4),
                "read_by_all": round(float(plain_error[read_by_all].mean()), 4),
            },
            "best_of_materials_with_structure": {"read_by_all": round(choice.error, 4)},
        },
        "trees_fractions_in_folds_by_paper_alone": round(by_paper, 4),
        "num_train_in_folds": len(known),
        "num_train_read_by_all": int(read_by_all.sum()),
        "test": {},
    }
    for name, answer in answers.items():
        error = answer - values
        error = np.abs(np.where(bound, np.maximum(error, 0), error))
        as_published = np.abs(answer - values)
        result["test"][name] = {
            "all": score(as_published, np.ones_like(bound)),
            "with_cif": score(as_published, has_cif),
            "disordered": score(as_published, disordered[test]),
            "ordered": score(as_published, has_cif & ~disordered[test]),
            "measured": score(as_published, ~bound),
            "below_limit_one_sided": score(error, bound),
        }
    gain = np.abs(answers["ensemble_without_structures"] - values) - np.abs(answers["ensemble"] - values)
    result["gain_of_structures"] = {
        name: {"mean": round(float(gain[where].mean()), 4), "interval_90": interval(gain[where])}
        for name, where in (("all", np.ones_like(bound)), ("with_cif", has_cif))
    }
    publish(result, options.result)


if __name__ == "__main__":
    main()
