"""Splits by Murcko scaffold."""

from gnn_sim2real.splits.grouped import ChemicalFamilySplit, FamilyOf


class ScaffoldSplit(ChemicalFamilySplit):
    """The test part has Murcko scaffolds that only it has."""

    name = "scaffold"

    def finders(self) -> dict[str, FamilyOf]:
        """Repeat units and molecules have scaffolds."""
        from gnn_sim2real.featurize.families import molecule_scaffold, repeat_unit_scaffold

        return {"repeat_unit": repeat_unit_scaffold, "molecule": molecule_scaffold}
