"""Splits by a column of the table."""

from gnn_sim2real.splits.grouped import FamilySplit
from gnn_sim2real.splits.split import Materials


class ColumnSplit(FamilySplit):
    """The test part has families that only it has, as a column of the table names them."""

    name, needs_column = "column", True

    def families_of(self, materials: Materials, column: str | None) -> list[str]:
        """The texts of the column.

        Raises:
            ValueError: If the table has no such column.
        """
        if column is None or column not in materials.table.texts:
            raise ValueError(
                f"{materials.name} cannot split by column {column!r}; it has "
                f"{', '.join(materials.table.texts) or 'no columns to split by'}"
            )
        return [text or "(empty)" for text in materials.table.texts[column]]
