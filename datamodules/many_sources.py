"""Several sources as one pretraining set."""

from typing import Any

from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.featurize.featurizer import Featurizer
from gnn_sim2real.store.cache import open_or_join
from gnn_sim2real.store.graphs import GraphStore
from gnn_sim2real.tables.concat import concat_tables
from gnn_sim2real.tables.table import CleanTable


class ManySources(PropertyDataModule):
    """Several data sets of one kind of material, to pretrain one encoder on all of them.

    Each source keeps a head of its own for each of its properties, named `property (source)`, since the same property
    differs between codes, functionals and force fields; values that a source does not have are left out of the loss.
    The first source keeps the plain names, so that a fine-tuning finds its property. Several rows of one material are
    never on two sides of a split, nor is one left when `exclude` removes the material.

    ```yaml
    data:
      class_path: datamodules.ManySources
      init_args:
        labels: [mp, oqmd]
        sources:
          - {class_path: datamodules.Optimade, init_args: {provider: mp, properties: {formation_energy: eV/atom}}}
          - {class_path: datamodules.Optimade, init_args: {provider: oqmd, properties: {formation_energy: eV/atom}}}
    ```

    Args:
        sources: The data sets; all of their materials are used.
        labels: A name for each, in the names of its properties.
        settings: See `gnn_sim2real.data.module.DataSettings`; `exclude`, `size` and splits are given here, not in
            the sources.

    Raises:
        ValueError: If there are fewer than 2 sources, no label for each, or a source has `exclude`.
    """

    def __init__(self, sources: list[PropertyDataModule], labels: list[str], **settings: Any) -> None:
        super().__init__(**settings)
        if len(sources) < 2 or len(labels) != len(sources) or len(set(labels)) < len(labels):
            raise ValueError(
                f"ManySources needs at least 2 `sources` and a different label for each in `labels`, got "
                f"{len(sources)} and {labels}"
            )
        if any(each.settings.excluded for each in sources):
            raise ValueError("give `exclude` to ManySources, not to one of its sources")
        self.sources, self.source_labels = sources, labels

    @property
    def kind(self) -> str:  # type: ignore[override]
        """Name of the featurizer of the materials."""
        return self.sources[0].kind

    def make_featurizer(self) -> Featurizer:
        """The featurizer of all sources.

        Raises:
            ValueError: If they have different ones.
        """
        first, *others = (each.featurizer for each in self.sources)
        for label, other in zip(self.source_labels[1:], others, strict=True):
            if other.describe() != first.describe():
                raise ValueError(
                    f"the graphs of the source {label!r} are made by {other.describe()}, those of "
                    f"{self.source_labels[0]!r} by {first.describe()}; give all sources the same kind and settings"
                )
        return first

    def load_table(self) -> CleanTable:
        """Concatenate the tables of all sources."""
        return concat_tables([each.table for each in self.sources], self.source_labels)

    def make_store(self) -> GraphStore:
        """The graphs of all sources in one store.

        Raises:
            ValueError: If a source has mixtures.
        """
        stores = [each.store for each in self.sources]
        plain = [each for each in stores if isinstance(each, GraphStore)]
        if len(plain) < len(stores):
            raise ValueError("ManySources needs pure materials; sources of mixtures cannot be combined")
        _ = self.featurizer  # rejects sources of several kinds
        return open_or_join(plain)

    def card(self) -> dict[str, Any]:
        """What a record or a model saves about its data."""
        sources = dict(zip(self.source_labels, (each.card() for each in self.sources), strict=True))
        return super().card() | {"sources": sources}
