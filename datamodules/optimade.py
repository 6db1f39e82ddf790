"""Databases that speak OPTIMADE: the Materials Project, OQMD, AFLOW, Alexandria, GNoME, or any other."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from gnn_sim2real.data.sheet import DataSheet
from gnn_sim2real.data.snapshots import SnapshotDataModule
from gnn_sim2real.databases.client import Client
from gnn_sim2real.databases.optimade import OptimadeSnapshotQuery, Query
from gnn_sim2real.databases.passwords import hide_login
from gnn_sim2real.databases.snapshot import SnapshotQuery


@dataclass(frozen=True)
class Provider:
    """A database that speaks OPTIMADE.

    Attributes:
        base_url: Its address.
        fields: Field and its unit by property. Other fields can be asked for by their names.
        num_rows: Approximate number of entries; 0 if unknown.
        license: License of the data.
        citation: What to cite.
        pause: Shortest time between two requests [s].
    """

    base_url: str
    num_rows: int = 0
    license: str = ""
    citation: str = ""
    fields: dict[str, tuple[str, str]] = field(default_factory=dict)
    pause: float = 0.5


PROVIDERS = {
    "mp": Provider(
        "https://optimade.materialsproject.org",
        0,
        "CC BY 4.0",
        "Jain et al., APL Mater. 1, 011002 (2013), doi 10.1063/1.4812323",
        {
            "formation_energy": ("_mp_stability.gga_gga+u.formation_energy_per_atom", "eV/atom"),
            "energy_above_hull": ("_mp_stability.gga_gga+u.energy_above_hull", "eV/atom"),
        },
    ),
    "oqmd": Provider(
        "https://oqmd.org/optimade",
        0,
        "CC BY 4.0",
        "Saal et al., JOM 65, 1501 (2013); Kirklin et al., npj Comput. Mater. 1, 15010 (2015)",
        {
            "band_gap": ("_oqmd_band_gap", "eV"),
            "formation_energy": ("_oqmd_delta_e", "eV/atom"),
            "energy_above_hull": ("_oqmd_stability", "eV/atom"),
        },
        pause=2.0,
    ),
    "aflow": Provider(
        "https://aflow.org/API/optimade",
        0,
        "free for academic use, cite",
        "Curtarolo et al., Comput. Mater. Sci. 58, 218 (2012)",
        {
            "band_gap": ("_aflow_Egap", "eV"),
            "formation_energy": ("_aflow_enthalpy_formation_atom", "eV/atom"),
        },
        pause=2.0,
    ),
    "alexandria": Provider(
        "https://alexandria.icams.rub.de/pbe",
        4_500_000,
        "CC BY 4.0",
        "Schmidt et al., Mater. Today Phys. 48, 101560 (2024)",
        {
            "band_gap": ("_alexandria_band_gap", "eV"),
            "formation_energy": ("_alexandria_formation_energy_per_atom", "eV/atom"),
            "energy_above_hull": ("_alexandria_hull_distance", "eV/atom"),
        },
    ),
    "gnome": Provider(
        "https://optimade-gnome.odbx.science",
        384_938,
        "CC BY-NC 4.0",
        "Merchant et al., Nature 624, 80 (2023), doi 10.1038/s41586-023-06735-9; a copy by a third party",
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

    The first use downloads all entries that match the filter, page by page, and saves them as a snapshot; an
    interrupted download continues. The number of entries is checked against the count of the database.

    ```yaml
    data:
      class_path: datamodules.Optimade
      init_args: {provider: oqmd, filter: 'elements HAS "O" AND nelements=2', properties: {band_gap: eV}}
    ```

    Args:
        provider: One of mp, oqmd, aflow, alexandria (PBE), gnome, or the base URL of any other. A password or a key in
            it (`https://user:password@example.org`, `?api_key=...`) is sent to this server and saved nowhere.
        properties: Unit of the model's predictions by name of the property, e.g. `{band_gap: eV}`.
        filter: Filter of the entries in OPTIMADE's language; empty for all.
        page_limit: Entries per request; a server may give fewer.
        settings: See `gnn_sim2real.data.snapshots.SnapshotDataModule`.

    Raises:
        ValueError: If `provider` is neither known nor an address, or `page_limit` is below 1.
    """

    @classmethod
    def sheets(cls) -> tuple[DataSheet, ...]:
        """The sheets of the tables that it reads."""
        return tuple(
            DataSheet(
                name,
                "crystal",
                each.num_rows,
                {prop: unit for prop, (_, unit) in each.fields.items()},
                each.license,
                each.citation,
                f"OPTIMADE, {each.base_url}",
                {"provider": name, "properties": {prop: unit for prop, (_, unit) in each.fields.items()}},
            )
            for name, each in PROVIDERS.items()
        )

    def __init__(
        self,
        provider: str,
        properties: dict[str, str],
        filter: str = "",  # noqa: A002 (the word of OPTIMADE)
        page_limit: int = 100,
        **settings: Any,
    ) -> None:
        if provider not in PROVIDERS and not provider.startswith(("http://", "https://")):
            shown = f"got {provider!r}" if provider.replace("_", "").replace("-", "").isalnum() else "got another thing"
            raise ValueError(
                f"`provider` must be one of {', '.join(PROVIDERS)}, or a base URL such as https://example.org; {shown}"
            )
        provider = hide_login(provider)
        self.given["provider"] = provider
        if page_limit < 1:
            raise ValueError(f"`page_limit` must be at least 1, got {page_limit}")
        self.provider = PROVIDERS.get(provider, Provider(provider))
        self.provider_name, self.filter, self.page_limit = provider, filter, page_limit
        self.known_fields = self.provider.fields
        super().__init__(properties=properties, **settings)

    @property
    def sheet(self) -> DataSheet | None:
        """The sheet of the provider; None for the address of another one."""
        return next((each for each in self.sheets() if each.name == self.provider_name), None)

    @property
    def database(self) -> str:
        """Name or address of the provider."""
        return self.provider_name if self.provider_name in PROVIDERS else str(urlsplit(self.provider_name).netloc)

    def make_query(self) -> SnapshotQuery:
        """The query."""
        query = Query(
            self.provider.base_url, self.filter, tuple(self.fields.values()), self.page_limit, self.max_entries
        )
        return OptimadeSnapshotQuery(Client(pause=self.provider.pause), query, self.fields)
