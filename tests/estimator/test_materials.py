"""What X may be: spellings, crystals of pymatgen and ASE, pairs, tables; found without being told."""

import numpy as np
import pandas as pd
import pytest
from ase.build import bulk
from pymatgen.core import Lattice, Structure
from refused import refused

from gnn_sim2real.estimator.materials import Kinds, read_materials
from gnn_sim2real.estimator.pool import read_pool
from gnn_sim2real.featurize.mixture import Mixture
from gnn_sim2real.tables.table import Property

SALT = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (["*CCO*", "*CC*", "CC"], Kinds("repeat_unit")),
        (["CCO", "c1ccccc1", "CO"], Kinds("molecule")),
        (["Fe2O3", "NaCl", "CO"], Kinds("composition")),
        (pd.Series(["CO", "C"], name="formula"), Kinds("composition")),
        (pd.DataFrame({"x": [1, 2], "formula": ["CO", "C"]}), Kinds("composition")),
        ([SALT, bulk("Cu")], Kinds("crystal")),
        (pd.DataFrame({"structure": [SALT]}), Kinds("crystal")),
        ([SALT.to(fmt="cif")], Kinds("crystal")),
        ([("*CCO*", "O"), ("*CC*", "CCO")], Kinds("mixture", ("polymer", "solvent"))),
        (np.array([["CCO", "O"], ["CC", "O"]]), Kinds("mixture", ("solute", "solvent"))),
        (
            pd.DataFrame({"solvent": ["O"], "polymer": ["*CC*"], "T (degC)": [25.0]}),
            Kinds("mixture", ("polymer", "solvent"), {"temperature": "K"}),
        ),
        ([Mixture(("*CC*", "*CCO*"), (0.5, 0.5))], Kinds("mixture")),
    ],
)
def test_the_kind_is_found(given, kind):
    found = read_materials(given)
    assert found.kind == kind
    assert set(found.reasons) <= {2}
    assert len(read_materials(given, found.kind)) == len(found)


def test_crystals_keep_their_structure_and_share_their_formula():
    found = read_materials([SALT, bulk("Cu"), "NaCl"])
    assert found.identities[:2] == ["NaCl", "Cu"]
    assert found.contents[0].num_sites == 8
    assert set(found.reasons) == {2}
    assert read_materials([SALT], Kinds("composition")).identities == ["NaCl"]


def test_a_temperature_is_read_with_its_unit():
    frame = pd.DataFrame({"polymer": ["*CC*"], "solvent": ["O"], "T (degC)": [25.0]})
    (mixture,) = read_materials(frame).contents
    assert mixture.conditions == {"temperature": pytest.approx(298.15)}
    with refused():  # it was learned with one
        read_materials([("*CC*", "O")], read_materials(frame).kind)


@pytest.mark.parametrize(
    "wrong", [SALT, bulk("Cu"), Mixture(("C", "O")), pd.DataFrame({"a": ["C"], "b": ["O"]}), np.zeros(3)]
)
def test_a_single_crystal_and_tables_without_materials_are_refused(wrong):
    with refused():
        read_materials(wrong)


def test_columns_that_are_named(tmp_path):
    frame = pd.DataFrame({"a": ["CCO", "CC"], "b": ["O", "C"], "md": ["1.5", ""]})
    found = read_materials(frame, column="b", simulated_column="md")
    assert found.names == ["O", "C"]
    np.testing.assert_array_equal(found.simulated, [1.5, np.nan])
    for wrong in ({"column": "c"}, {"simulated_column": "c"}):
        with refused():
            read_materials(frame, **({"column": "b"} | wrong))


def test_simulated_values_are_converted_from_the_unit_of_their_heading():
    given = {"a": ["CCO", "CC"], "md [kg/m3]": [790.0, np.nan], "md": [0.79, np.nan]}
    density = Property("density", "g/cm3")
    for column in ("md", "md [kg/m3]"):
        found = read_materials(pd.DataFrame(given), column="a", simulated_column=column, like=density)
        np.testing.assert_allclose(found.simulated, [0.79, np.nan])
    with refused("md [K]"):
        read_materials(pd.DataFrame(given | {"md [K]": [790, 1]}), column="a", simulated_column="md [K]", like=density)


def test_the_text_of_a_crystal_is_named_by_its_first_line():
    found = read_materials([SALT, "data_x\n_cell_length_a 3\n"])
    with refused("X[1]", "data_x"):
        found.require_readable()


def test_a_pool_says_why_a_crystal_cannot_be_read(tmp_path):
    (tmp_path / "a.cif").write_text(SALT.to(fmt="cif"))
    (tmp_path / "b.cif").write_text("data_x\n")
    for kind, identity in ((Kinds("crystal"), "NaCl"), (Kinds("composition"), "NaCl")):
        found = read_pool(tmp_path, kind).materials()
        assert found.identities == [identity, ""]
        assert list(found.reasons) == [1]
        assert "b.cif" in found.reasons[1] or "cell" in found.reasons[1]
    with refused(error=FileNotFoundError):
        read_pool(tmp_path / "none.csv", Kinds("molecule"))
    (tmp_path / "empty.smi").write_text("\n")
    with refused("empty.smi"):
        read_pool(tmp_path / "empty.smi", Kinds("molecule"))
    with refused("molecule"):
        read_pool(tmp_path, Kinds("molecule"))
