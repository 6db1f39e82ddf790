"""A small model library: one source that simulates the target's property, others that know nothing."""

import numpy as np
from tiny import TinyPolymers, density, fit, gine

from gnn_sim2real.library import ModelLibrary, TrainedModel
from gnn_sim2real.records.record import provenance
from gnn_sim2real.tasks import SourcePretraining
from gnn_sim2real.tasks.library_entry import save_pretrained

ENDS = ("OC", "SC", "NC", "C(=O)OC", "C(=O)NC", "C(F)OC", "C(Cl)")
SOURCE = [f"*{'C' * length}{end}*" for length in range(1, 9) for end in ENDS]


def add_model(library, columns, epochs, seed, materials=SOURCE, encoder=None, **settings):
    """Pretrain on made-up values and add the model; returns its key."""
    data = TinyPolymers(columns, materials=materials, validation_fraction=0.2, **settings)
    _, module = fit(lambda: SourcePretraining(encoder() if encoder else gine(hidden_dim=16)), data, epochs, seed)
    model = TrainedModel(module.network.eval(), data.featurizer, module.card())
    return save_pretrained(library, model, data, {"seed_everything": seed, "model": "tiny"}, provenance(1.0))


def add_planted(library, seed=0):
    """A source whose simulated density is the measured one less a constant."""
    return add_model(library, {("density", "g/cm3"): [density(each) - 0.1 for each in SOURCE]}, 60, seed)


def add_noise(library, seed=0):
    """A source of random numbers."""
    values = np.random.default_rng(seed).normal(size=len(SOURCE)).tolist()
    return add_model(library, {("noise", "K"): values}, 1, seed)


def make_library(folder, planted=1, noise=4):
    library = ModelLibrary(folder)
    return library, [add_planted(library, s) for s in range(planted)], [add_noise(library, s) for s in range(noise)]
