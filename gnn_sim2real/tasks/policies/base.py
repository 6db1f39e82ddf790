"""What every fine-tuning policy has."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

from gnn_sim2real import renamed
from gnn_sim2real.plugins import Registry

if TYPE_CHECKING:
    from torch import Tensor, nn

    from gnn_sim2real.nn.model import PropertyModel

REFERENCE = "full"
"""The policy with which others are compared. From scratch all policies are the same, and this one stands for them."""


def _reserved() -> set[str]:
    from gnn_sim2real.baselines import BASELINES  # here, since it loads numpy

    return {*BASELINES, *renamed.POLICIES}


POLICIES: "Registry[FineTuningPolicy]" = Registry(
    __name__.rpartition(".")[0], group="gnn_sim2real.policies", setting="policy", first=REFERENCE, reserved=_reserved
)
"""All policies; a distribution that brings some names their modules under this entry-point group."""


@dataclass
class FineTuningPolicy:
    """Which parts of a pretrained model are frozen or penalized, and when.

    A policy is a dataclass: its fields are its settings, each with a default. A subclass with a `name` registers itself
    when its file is imported.

    Attributes:
        name: Name in YAMLs, records and tables.
        title: Text after the name of the network in tables and figures.
        summary: What it does, in half a sentence for the help.
        needs_pretrained: Whether it is meaningless from scratch.
        takes_simulated: Whether the model takes the simulated value of each material as input and learns the
            difference from it, with a new head.
        fits_line: Whether that is the difference from a straight line in the simulated value.
        calibrates: Whether the pretrained model starts on the straight line from its predictions to the measurements.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    needs_pretrained: ClassVar[bool] = False
    takes_simulated: ClassVar[bool] = False
    fits_line: ClassVar[bool] = False
    calibrates: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        """Register a policy that is complete.

        Raises:
            TypeError: If a named subclass lacks its texts, or the default of a setting.
        """
        super().__init_subclass__()
        if "name" not in vars(cls):  # a base of several policies
            return
        lacking = [text for text in ("name", "title", "summary") if not getattr(cls, text, "")]
        if lacking:
            raise TypeError(f"the policy {cls.__qualname__} has no {lacking[0]}")
        annotated = [name for name, kind in vars(cls).get("__annotations__", {}).items() if "ClassVar" not in str(kind)]
        if without := [name for name in annotated if not hasattr(cls, name)]:
            raise TypeError(f"the setting {without[0]!r} of the policy {cls.__qualname__} has no default")
        POLICIES.add(cls.name, cls)

    @classmethod
    def settings(cls) -> tuple[str, ...]:
        """Names of its settings."""
        return tuple(each.name for each in fields(cls) if each.init)

    def frozen(self, model: "PropertyModel", epoch: int) -> "list[nn.Module]":
        """Parts of the model that are frozen in this epoch; only called with a pretrained model.

        Args:
            model: The model.
            epoch: Number of the epoch, from 0. A result that depends on nothing else resumes exactly.
        """
        return []

    def begin(self, start: "Callable[[], Mapping[str, Tensor]]") -> None:
        """Prepare for a training, or for the rest of one that was interrupted.

        Args:
            start: Reads the original pretrained weights by name, without those that were newly initialized.
        """

    def penalty(self, model: "PropertyModel") -> "Tensor | None":
        """Scalar added to the loss in each step; None for nothing.

        Args:
            model: The model.
        """
        return None

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint needs so that an interrupted training continues exactly: tensors and plain types."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a checkpoint; called before `begin`.

        Args:
            state: Result of `state_dict`.
        """
