"""What an order of growth of a database is. Each is a class in a file of this folder, found by its name.

Every order is nested: the first n materials are a database of size n, which contains every smaller one. Another seed
gives another order of the same kind. A new order takes one new file.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.plugins import Registry
from gnn_sim2real.splits.parts import Rows

NUMERICS_VERSION = 1
"""Increased by hand if the same seed would give another order."""


class Candidates(Protocol):
    """What an order may use."""

    @property
    def cost(self) -> str | None:
        """Formula of the cost of each material."""

    @property
    def name(self) -> str:
        """Name of the data set, for messages."""

    @property
    def kind(self) -> str:
        """Kind of the materials, such as `repeat_unit`."""

    @property
    def spellings(self) -> Sequence[str]:
        """Spelling of each material; for crystals the formula."""

    @property
    def num_atoms(self) -> NDArray[np.int64]:
        """(num_materials,); atoms of each material, of the unit or cell as written."""

    @property
    def texts(self) -> Mapping[str, Sequence[str]]:
        """Text of each material in the columns of its table."""

    @property
    def features(self) -> NDArray[np.float64]:
        """(num_materials, num_features); from a frozen encoder, else the descriptors of the tabular baselines."""

    @property
    def model_fingerprint(self) -> str | None:
        """Fingerprint of the frozen model; None without one."""


ORDERS: "Registry[Order]" = Registry(
    "gnn_sim2real.splits.acquisition", group="gnn_sim2real.acquisitions", setting="grow_by", first="random"
)
"""All orders but `random`, which is none; a distribution with some names their modules under this entry-point group."""


class Order(ABC):
    """An order in which a database grows; one with a `name` can be chosen by `grow_by`.

    Attributes:
        name: Value of `grow_by`.
        title: How the database grows, in the name of a model: "by diversity"; the name unless given.
        needs_cost: Whether it uses the formula of `cost`.
    """

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    needs_cost: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" in vars(cls):
            ORDERS.add(cls.name, cls)

    @abstractmethod
    def find(self, candidates: Candidates) -> NDArray[Any]:
        """What the order depends on, one row per material; computed once for all sizes and seeds.

        Args:
            candidates: The materials.

        Raises:
            ValueError: If it cannot be computed for these materials.
        """

    @abstractmethod
    def order(self, found: NDArray[Any], size: int, seed: int) -> Rows:
        """The order.

        Args:
            found: (num_materials, ...); result of `find` for the materials that may be used.
            size: Number of materials.
            seed: Seed of the order.

        Returns:
            (at least size,); positions in `found`.
        """

    def content(self, candidates: Candidates) -> dict[str, Any]:
        """What determines the order besides its name and the seed, for keys; plain types.

        Args:
            candidates: The materials.
        """
        return {}
