"""What every encoder must hold to. A new file in `nn/` is found by itself, and tested without a line here."""

import inspect
from functools import cache

import pytest
import torch
from batches import units
from conformance import EncoderConformance
from crystal_batches import CRYSTALS, batch_of
from mixtures import PAIRS, pairs

from gnn_sim2real.nn import CGCNN, DMPNN, GINE, Encoder, FingerprintMLP, Pair, TruncatedEncoder
from gnn_sim2real.nn.registry import own_encoders

WIDTH = 12
UNITS = ("*C*", "*CC*", "*NCCCCCC(=O)*", "*O[Si](*)(C)C", "*CC(*)c1ccccc1", "*C=CC(C)*", "*CC(*)C#N")
"""Repeat units that differ in all that a graph of bonds tells."""

BATCHES = {
    "repeat units": lambda: units(*UNITS),
    "crystals": lambda: batch_of(*CRYSTALS),
    "pairs": lambda: pairs(*PAIRS),
}

VARIANTS = {
    "GINE with dropout": lambda: GINE(hidden_dim=8, num_layers=1, dropout=0.5),
    "FingerprintMLP with descriptors": lambda: FingerprintMLP(hidden_dim=WIDTH, num_bits=64, descriptors=True),
    "CGCNN smooth": lambda: CGCNN(hidden_dim=8, num_layers=2, num_gaussians=8, cutoff=4.0, smooth=True),
    "Pair of two encoders": lambda: Pair(GINE(8, num_layers=3), DMPNN(6, readout="mean_and_size"), hidden_dim=WIDTH),
    "TruncatedEncoder": lambda: TruncatedEncoder(GINE(WIDTH, num_layers=2), layer=2, output_dim=WIDTH),
}
"""With settings that are not the defaults."""


def small(kind: type[Encoder]) -> Encoder:
    """An encoder with its default settings, `hidden_dim` aside; encoders inside of it are GINE."""
    parameters = inspect.signature(kind).parameters.values()
    inner = {each.name: GINE(WIDTH, num_layers=2) for each in parameters if each.annotation is Encoder}
    return kind(**inner, **{each.name: WIDTH for each in parameters if each.name == "hidden_dim"})


FOUND = {name: lambda kind=kind: small(kind) for name, kind in own_encoders().items()} | VARIANTS


@cache
def readable(name):
    """The first kind of materials that it reads."""
    encoder = FOUND[name]().double()
    for materials, make in BATCHES.items():
        try:
            encoder(make())
        except ValueError:
            continue
        return materials
    pytest.fail(f"{name} reads none of {', '.join(BATCHES)}")


@pytest.mark.parametrize("name", FOUND)
class TestEveryEncoder(EncoderConformance):
    @pytest.fixture
    def batch(self, name):
        return BATCHES[readable(name)]()

    @pytest.fixture
    def encoder(self, name, batch):
        """Ready to predict, in double precision, with running statistics that are not the initial ones."""
        encoder = FOUND[name]().double()
        with torch.no_grad():
            for _ in range(5):
                encoder(batch)
        return encoder.eval()
