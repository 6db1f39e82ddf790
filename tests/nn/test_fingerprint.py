from itertools import combinations

import pytest
import torch
from batches import molecules, units
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator

from gnn_sim2real.nn import FingerprintMLP
from gnn_sim2real.nn.embedding import ATOM_SIZES
from gnn_sim2real.nn.fingerprint import neighborhoods

RADIUS = 3
SMILES = (
    "CC(=O)Oc1ccccc1C(=O)O",
    "C[N+](C)(C)CC([O-])=O",
    "c1ccc2c(c1)ccc1ccccc12",
    "CC(C)(C)CCC(C)(C)C",
    "N#CC1CC1C=C=C",
    "Clc1ccc(Br)cc1C(F)(F)F",
    "C1CCC2(CC1)OCCO2",
)


def test_same_neighborhoods_as_those_of_rdkit():
    """Any two of them, of all molecules, have the same number here where they have the same number there."""
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS)
    own, theirs = [], []
    for smiles in SMILES:
        numbers = neighborhoods(molecules(smiles), RADIUS)
        output = rdFingerprintGenerator.AdditionalOutput()
        output.AllocateBitInfoMap()
        generator.GetSparseCountFingerprint(Chem.MolFromSmiles(smiles), additionalOutput=output)
        for number, places in output.GetBitInfoMap().items():
            for atom, radius in places:
                own.append((radius, int(numbers[atom, radius])))
                theirs.append((radius, number))
    assert len(set(theirs)) > 100
    for one, other in combinations(range(len(own)), 2):
        assert (own[one] == own[other]) == (theirs[one] == theirs[other])


def test_numbers_are_those_of_every_machine():
    """If they change, so do the features of every trained model: raise `numerics_version`."""
    assert FingerprintMLP.numerics_version == 1
    assert neighborhoods(molecules("CO"), 1).tolist() == [
        [3502086563315619613, 2388448368212774815],
        [1734224458615648281, 4910025928573060630],
    ]


def test_counts():
    encoder = FingerprintMLP(hidden_dim=4, radius=2, num_bits=32)
    batch = units("*CC*", "*CC(*)F")
    counts = encoder.count(batch)
    assert counts.shape == (2, 32 + sum(ATOM_SIZES))
    hashed, codes = counts.split([32, sum(ATOM_SIZES)], dim=1)
    assert hashed.sum(1).tolist() == [2 * 3, 3 * 3]
    assert sorted(hashed[0][hashed[0] > 0].tolist()) in ([2.0, 2.0, 2.0], [2.0, 4.0], [6.0])
    elements = codes[:, : ATOM_SIZES[0]]
    assert elements[:, [6, 9]].tolist() == [[2, 0], [2, 1]]
    assert codes.sum(1).tolist() == [2 * len(ATOM_SIZES), 3 * len(ATOM_SIZES)]


@pytest.mark.parametrize("radius", [0, 2])
def test_what_is_beyond_the_radius_is_not_seen(radius):
    """Hexadecane and its acid, at the other end."""
    one, other = neighborhoods(molecules(16 * "C"), radius), neighborhoods(molecules(16 * "C" + "(=O)O"), radius)
    assert torch.equal(one[: 15 - radius], other[: 15 - radius])
    assert not torch.equal(one[15 - radius], other[15 - radius])
