"""Splits by the class of a polymer."""

from gnn_sim2real.splits.grouped import ChemicalFamilySplit, FamilyOf


class PolymerClassSplit(ChemicalFamilySplit):
    """The test part has polymer classes that only it has."""

    name = "polymer_class"

    def finders(self) -> dict[str, FamilyOf]:
        """Repeat units have classes, by the linkages of their main chain."""
        from gnn_sim2real.featurize.families import polymer_class

        return {"repeat_unit": polymer_class}
