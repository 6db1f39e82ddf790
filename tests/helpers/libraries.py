"""A model library small enough for a test."""

import shutil

from tiny import CHAINS, TinyPolymers, density, fit, gine

from gnn_sim2real.library import ModelLibrary, TrainedModel
from gnn_sim2real.records.record import provenance
from gnn_sim2real.tasks import SourcePretraining
from gnn_sim2real.tasks.library_entry import save_pretrained

DENSITIES = {("density", "g/cm3"): list(map(density, CHAINS)), ("mass", "g/mol"): [10.0 * len(each) for each in CHAINS]}
TRANSITIONS = {("tg", "K"): [300.0 + len(each) for each in CHAINS]}


def pretrain(library, seed=0, size="all", columns=None, **settings):
    """Add a model to a library; returns its key and its data."""
    data = TinyPolymers(columns or DENSITIES, size=size, seed=seed, **{"validation_fraction": 0.2} | settings)
    _, module = fit(lambda: SourcePretraining(gine()), data, seed=seed)
    model = TrainedModel(module.network, data.featurizer, module.card())
    return save_pretrained(library, model, data, {"seed_everything": seed, "model": "tiny"}, provenance(1.0)), data


def make_library(folder):
    """Four models: densities of two seeds and of fewer polymers, and glass transitions; and the data of each by key."""
    library = ModelLibrary(folder)
    settings = ({"seed": 0}, {"seed": 1}, {"size": 20}, {"columns": TRANSITIONS})
    return library, dict(pretrain(library, **each) for each in settings)


def copy_library(library, folder):
    """A copy that may be harmed."""
    shutil.copytree(library.folder, folder)
    return ModelLibrary(folder)


def flip_byte(path):
    """Change one byte of a file."""
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)
