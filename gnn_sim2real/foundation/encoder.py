"""What every foundation encoder has."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.plugins import Registry

Floats = NDArray[np.float32]

ENCODERS: "Registry[FoundationEncoder]" = Registry(
    "gnn_sim2real.foundation", group="gnn_sim2real.foundation", setting="foundation", first="chgnet"
)
"""All foundation encoders; a distribution that brings some names their modules under this entry-point group."""

_BATCH = 32


@dataclass(frozen=True, eq=False)
class LayerFeatures:
    """Features of some materials.

    Attributes:
        layers: Features by layer, each (num_materials, dim) float32; NaN in the rows of materials that were refused.
        refused: Why a material has none, by row.
    """

    layers: dict[str, Floats]
    refused: dict[int, str]


class FoundationEncoder(ABC):
    """A pretrained network of others that turns materials into rows of numbers; its weights stay as they are.

    A subclass sets the class attributes, and has `read` and `encode`. It takes plain types only, and hands all of them
    to `super().__init__`. Other libraries, and the weights, are loaded when they are first needed: whoever lists
    encoders shall not wait for them.

    Attributes:
        name: Name in YAMLs and keys of records: it never changes.
        version: Version of the weights, and after a dash a number that is raised by hand whenever the features change.
        licence: Licence of code and weights.
        kinds: Kinds of materials that it reads, such as `crystal`; see `featurize.featurizer.get_featurizer`.
        has_seen: What its training has seen, in one sentence without its name: whoever reads a score has to know.
        layers: Names of the layers whose features it gives, the usual one first.
        distributions: Distributions that it needs besides this package.
        extra: Extra of this package that installs them; empty if there is none.
    """

    name: ClassVar[str] = ""
    version: ClassVar[str]
    licence: ClassVar[str]
    kinds: ClassVar[tuple[str, ...]]
    has_seen: ClassVar[str]
    layers: ClassVar[tuple[str, ...]]
    distributions: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.name and not inspect.isabstract(cls):
            ENCODERS.add(cls.name, cls)

    def __init__(self, **settings: Any) -> None:
        self._settings = settings

    @abstractmethod
    def read(self, material: Any, kind: str) -> Any:
        """Prepare one material, or refuse it.

        Args:
            material: A SMILES, a repeat-unit SMILES, or for crystals a `Crystal`.
            kind: What it is, one of `kinds`.

        Returns:
            What `encode` takes.

        Raises:
            ValueError: If it cannot be read: why, in words that are the same for all materials of that sort, since the
                reasons are counted.
        """

    @abstractmethod
    def encode(self, prepared: Sequence[Any]) -> dict[str, Floats]:
        """Features of some materials.

        Args:
            prepared: Results of `read`, at least one and not more than a few dozen.

        Returns:
            By layer, each (num_materials, dim). The row of a material does not depend on the others.
        """

    def describe(self) -> dict[str, Any]:
        """What the features depend on, in plain types: part of the keys of records and of the name in the cache."""
        return {"name": self.name, "version": self.version} | self._settings

    @classmethod
    def missing(cls) -> list[str]:
        """Distributions that it needs and that are not installed."""
        return [each for each in cls.distributions if installed_version(each) is None]

    @classmethod
    def require_installed(cls) -> None:
        """Refuse an encoder whose libraries are not installed.

        Raises:
            ValueError: If one is missing; it names the extra.
        """
        if missing := cls.missing():
            raise ValueError(f"`{cls.name}` needs {' and '.join(missing)}: {cls.how_to_install()}")

    @classmethod
    def how_to_install(cls) -> str:
        """Command that installs what it needs."""
        wanted = f"'gnn-sim2real[{cls.extra}]'" if cls.extra else " ".join(cls.distributions)
        return f"pip install {wanted}"

    def features(self, materials: Sequence[Any], kind: str) -> LayerFeatures:
        """Features of materials; those that cannot be read have NaN and a reason.

        Args:
            materials: A SMILES, a repeat-unit SMILES, or for crystals a `Crystal` each.
            kind: What they are.

        Raises:
            ValueError: If it does not read this kind, or its libraries are not installed, or lack one of their own.
        """
        self.require_kind(kind)
        self.require_installed()
        prepared: dict[int, Any] = {}
        refused: dict[int, str] = {}
        for row in range(len(materials)):
            try:
                prepared[row] = self.read(materials[row], kind)
            except ValueError as error:
                refused[row] = str(error)
            except ImportError as error:  # no material is to blame, and no reason of one must be saved
                raise self._lacking(error) from error
            except Exception as error:  # a library of others: one material is not worth the other thousand
                refused[row] = f"{type(error).__name__} in the library"
        found = self._encode_all(prepared, refused)
        return LayerFeatures({layer: self._rows(layer, len(materials), found) for layer in self.layers}, refused)

    def require_kind(self, kind: str) -> None:
        """Refuse a kind of materials that it does not read.

        Args:
            kind: The kind.

        Raises:
            ValueError: If it does not read it; it names encoders that do.
        """
        if kind not in self.kinds:
            others = [name for name, each in ENCODERS.classes().items() if kind in each.kinds]
            instead = f"; {' and '.join(others)} read them" if others else ", and no other foundation encoder does"
            raise ValueError(f"`{self.name}` reads {' and '.join(self.kinds)}, not {kind}{instead}")

    def _encode_all(self, prepared: dict[int, Any], refused: dict[int, str]) -> dict[int, dict[str, Floats]]:
        """Features of each prepared material; adds those that fail to the refused ones."""
        found: dict[int, dict[str, Floats]] = {}
        waiting = list(prepared)
        batches = [waiting[start : start + _BATCH] for start in range(0, len(waiting), _BATCH)]
        while batches:
            rows = batches.pop()
            try:
                layers = self.encode([prepared[row] for row in rows])
            except ImportError as error:
                raise self._lacking(error) from error
            except Exception as error:  # one by one, so that it is only the one
                if len(rows) > 1:
                    batches += [[row] for row in rows]
                else:
                    refused[rows[0]] = f"{type(error).__name__} in the library"
                continue
            for place, row in enumerate(rows):
                own = {layer: np.asarray(layers[layer][place], np.float32) for layer in self.layers}
                if all(np.isfinite(each).all() for each in own.values()):
                    found[row] = own
                else:
                    refused[row] = "its features are not finite"
        return found

    def _lacking(self, error: ImportError) -> ValueError:
        """Says that a library of its libraries is missing."""
        return ValueError(f"`{self.name}` cannot be used ({error}): {self.how_to_install()}")

    @staticmethod
    def _rows(layer: str, count: int, found: dict[int, dict[str, Floats]]) -> Floats:
        width = next((len(each[layer]) for each in found.values()), 0)
        rows = np.full((count, width), np.nan, np.float32)
        for row, each in found.items():
            rows[row] = each[layer]
        return rows


def installed_version(distribution: str) -> str | None:
    """Version of an installed distribution; None if it is not installed.

    Args:
        distribution: Its name.
    """
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
