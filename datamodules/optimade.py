"""Databases that speak OPTIMADE: the Materials Project, OQMD, AFLOW, Alexandria, GNoME, or any other."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from gnn_sim2real.databases.client import Client
from gnn_sim2real.databases.optimade import OptimadeSource, Query
from gnn_sim2real.databases.snapshot import Source
from gnn_sim2real.snapshot_datamodule import SnapshotDataModule


@dataclass(frozen=True)
class Provider:
    """A database that speaks OPTIMADE.

    Attributes:
        base_url: Its address.
        fields: Field and its unit by property. Other fields can be asked for by their names.
        pause: Shortest time between two requests [s].
    """

    base_url: str
    fields: dict[str, tuple[str, str]] = field(default_factory=dict)
    pause: float = 0.5


PROVIDERS = {
    "mp": Provider(
        "https://optimade.materialsproject.org",
        {
            "formation_energy": ("_mp_stability.gga_gga+u.formation_energy_per_atom", "eV/atom"),
            "energy_above_hull": ("_mp_stability.gga_gga+u.energy_above_hull", "eV/atom"),
        },
    ),
    "oqmd": Provider(
        "https://oqmd.org/optimade",
        {
            "band_gap": ("_oqmd_band_gap", "eV"),
            "formation_energy": ("_oqmd_delta_e", "eV/atom"),
            "energy_above_hull": ("_oqmd_stability", "eV/atom"),
        },
        pause=2.0,
    ),
    "aflow": Provider(
        "https://aflow.org/API/optimade",
        {
            "band_gap": ("_aflow_Egap", "eV"),
            "formation_energy": ("_aflow_enthalpy_formation_atom", "eV/atom"),
        },
        pause=2.0,
    ),
    "alexandria": Provider(
        "https://alexandria.icams.rub.de/pbe",
        {
            "band_gap": ("_alexandria_band_gap", "eV"),
            "formation_energy": ("_alexandria_formation_energy_per_atom", "eV/atom"),
            "energy_above_hull": ("_alexandria_hull_distance", "eV/atom"),
        },
    ),
    "gnome": Provider(
        "https://optimade-gnome.odbx.science",
        {
            "band_gap": ("_gnome_bandgap", "eV"),
            "formation_energy": ("_gnome_formation_energy_per_atom", "eV/atom"),
        },
    ),
}
"""Addresses as https://providers.optimade.org lists them, names of fields as their users spell them; a server that does
not list a field is not asked for it, and the message says which it has."""


class Optimade(SnapshotDataModule):
    """Crystals of a database that speaks OPTIMADE, with one or several of its properties.

    The first use downloads all entries that match the filter, page by page, and keeps them as a snapshot; a download
    that was interrupted goes on. The number of entries is checked against what the database counts.

    ```yaml
    data:
      class_path: datamodules.Optimade
      init_args: {provider: oqmd, filter: 'elements HAS "O" AND nelements=2', properties: {band_gap: eV}}
    ```

    Args:
        provider: One of mp, oqmd, aflow, alexandria (PBE), gnome, or the base URL of any other.
        properties: Unit in which the model answers, by name of the property, e.g. `{band_gap: eV}`.
        filter: Which entries, in OPTIMADE's language; empty for all.
        page_limit: Entries asked for at a time; a server may give fewer.
        settings: See `gnn_sim2real.snapshot_datamodule.SnapshotDataModule`.
    """

    def __init__(
        self,
        provider: str,
        properties: dict[str, str],
        filter: str = "",  # noqa: A002 (the word of OPTIMADE)
        page_limit: int = 100,
        **settings: Any,
    ) -> None:
        if provider not in PROVIDERS and urlsplit(provider).scheme not in ("http", "https"):
            raise ValueError(
                f"`provider` must be one of {', '.join(PROVIDERS)}, or a base URL such as https://example.org; "
                f"got {provider!r}"
            )
        if page_limit < 1:
            raise ValueError(f"`page_limit` must be at least 1, got {page_limit}")
        self.provider = PROVIDERS.get(provider, Provider(provider))
        self.provider_name, self.filter, self.page_limit = provider, filter, page_limit
        self.known_fields = self.provider.fields
        super().__init__(properties=properties, **settings)

    @property
    def database(self) -> str:
        """Name or address of the provider."""
        return self.provider_name if self.provider_name in PROVIDERS else str(urlsplit(self.provider_name).netloc)

    def make_source(self) -> Source:
        """The query."""
        query = Query(
            self.provider.base_url, self.filter, tuple(self.fields.values()), self.page_limit, self.max_entries
        )
        return OptimadeSource(Client(pause=self.provider.pause), query, self.fields)
