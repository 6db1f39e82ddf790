"""Measured properties of organic molecules, from the tables of the package `chemicals`."""

from typing import Any

from datamodules.registry import find_file, sheet
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.data.registry import choose_properties
from gnn_sim2real.data.sheet import DataSheet
from gnn_sim2real.tables.cleaning import clean_table
from gnn_sim2real.tables.table import CleanTable, Property, read_table

PROPERTIES = {
    each.name: each
    for each in (
        Property("gas_formation_enthalpy", "kJ/mol", column="hf_gas_kJ_mol"),
        Property("dipole_moment", "debye", column="dipole_D"),
        Property("enthalpy_of_vaporization", "kJ/mol", column="hvap298_kJ_mol"),
    )
}
"""What can be asked for."""


class MeasuredMolecules(PropertyDataModule):
    """Measured enthalpies of formation as a gas (2,397), dipole moments (497) or enthalpies of vaporization (2,163).

    C. Bell, chemicals, github.com/CalebBell/chemicals; by way of it the CRC Handbook, the NIST WebBook and others.

    ```yaml
    data:
      class_path: MeasuredMolecules
      init_args: {property: gas_formation_enthalpy, elements: [H, C, N, O, F]}
    ```

    Args:
        property: gas_formation_enthalpy [kJ/mol], dipole_moment [debye] or enthalpy_of_vaporization [kJ/mol].
        elements: Molecules with any other element are excluded, such as those that a source does not have.
        path: Your own copy of the table; else it is looked for where `gnn-sim2real data make measured_properties` puts
            it.
        settings: See `gnn_sim2real.data.module.DataSettings`.
    """

    kind = "molecule"

    @classmethod
    def sheets(cls) -> tuple[DataSheet, ...]:
        """The sheets of the tables that it reads."""
        units = {name: each.unit for name, each in PROPERTIES.items()}
        return (sheet("measured_properties", "molecule", 18_270, units, {"property": next(iter(units))}),)

    def __init__(
        self,
        property: str,  # noqa: A002 (the word users know)
        elements: list[str] | None = None,
        path: str | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        (self.property,) = choose_properties("MeasuredMolecules", [property], PROPERTIES)
        self.elements, self.path = elements, path

    def load_table(self) -> CleanTable:
        """Read the molecules that have the property."""
        file = find_file("measured_properties", self.path)
        frame = read_table(file)
        refused = {}
        if self.elements is not None:
            measured = frame[self.property.column].notna().to_numpy().nonzero()[0].tolist()
            smiles = frame["smiles"].tolist()
            refused = _with_other_elements({position: smiles[position] for position in measured}, self.elements)
        return clean_table(
            frame,
            material_column="smiles",
            properties=[self.property],
            identity=self.featurizer.identity,
            source=file.name,
            refused_before=refused,
        )


def _with_other_elements(smiles: dict[int, str], elements: list[str]) -> dict[int, str]:
    """Why rows are excluded; a spelling that cannot be read is refused later, with its own reason.

    Args:
        smiles: By position of the row.
        elements: Those that a molecule may have.

    Raises:
        ValueError: If an element does not exist.
    """
    from rdkit import Chem, rdBase

    known = {Chem.GetPeriodicTable().GetElementSymbol(number) for number in range(1, 119)}
    if unknown := [each for each in elements if each not in known]:
        raise ValueError(f"`elements` has {unknown[0]!r}, which is not the symbol of an element, such as Cl")
    found = {}
    with rdBase.BlockLogs():
        for position, text in smiles.items():
            molecule = Chem.MolFromSmiles(str(text))
            others = set() if molecule is None else {atom.GetSymbol() for atom in molecule.GetAtoms()} - {*elements}
            if others:
                found[position] = f"has {', '.join(sorted(others))}, not of `elements`"
    return found
