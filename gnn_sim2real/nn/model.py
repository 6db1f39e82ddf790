"""Encoder, head and scaler as one network that predicts in physical units."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.nn.conditions import TEMPERATURE, Conditions, ConditionSpec
from gnn_sim2real.nn.encoder import Encoder, build_encoder
from gnn_sim2real.nn.head import FROM_ZERO, OutputForm, PropertyHead
from gnn_sim2real.nn.scaler import TargetScaler
from gnn_sim2real.nn.simulated_line import SimulatedLine
from gnn_sim2real.renamed import current_property
from gnn_sim2real.scales import Transform

NUMERICS_VERSION = 1
"""Increased by hand if head or scaler would give other numbers from the same weights."""

_MAX_DECADES = 37.0
"""Powers of ten that single precision holds."""


@dataclass(frozen=True)
class PropertySpec:
    """What one output of a model means.

    Attributes:
        name: The property, e.g. `density`; whatever it is called, it has the name that the package has for it.
        unit: Its unit, e.g. `g/cm3`; empty for a pure number.
        form: What values it can take, see `gnn_sim2real.nn.head.OutputForm`.
        transform: Scale on which the form holds, and on which losses are computed; None for the values themselves. Of
            the form `inverse_temperature` the logarithm is A + B / T then, as Arrhenius has it.
    """

    name: str
    unit: str
    form: OutputForm = "linear"
    transform: Transform | None = None

    def __post_init__(self) -> None:
        """Read another name of the property, which data and models of other people may have."""
        object.__setattr__(self, "name", current_property(self.name))

    def describe(self) -> dict[str, Any]:
        """Plain types; the scale only where there is one, as in versions that had none."""
        described = asdict(self)
        return described if self.transform else {name: each for name, each in described.items() if name != "transform"}


class PropertyModel(nn.Module):
    """Predicts one or several properties of each material.

    Args:
        encoder: Turns materials into vectors.
        properties: Name, unit and form of each output, in order.
        corrects_simulation: Whether it predicts the difference from a straight line in the simulated value, which is
            then in every batch, rather than the property itself.
        conditions: Temperature and the like, in the order of the batches. The head reads them in addition to the vector
            of the material, except the temperature if a property has the form `inverse_temperature`.

    Raises:
        ValueError: If a form needs a temperature and there is none, or is that of values of which the logarithm is
            learned.
    """

    def __init__(
        self,
        encoder: Encoder,
        properties: list[PropertySpec],
        corrects_simulation: bool = False,
        conditions: Sequence[ConditionSpec] = (),
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.properties = properties
        forms = [each.form for each in properties]
        for each in properties:
            if each.transform is not None and each.form in FROM_ZERO:
                raise ValueError(
                    f"the logarithm of {each.name!r} is learned (`transform: {each.transform}`), which may have any "
                    f"sign: leave out the form {each.form!r}, or `transform`"
                )
        self.is_log = [each.transform is not None for each in properties]
        self.has_temperature_form = "inverse_temperature" in forms
        hidden = frozenset({TEMPERATURE}) if self.has_temperature_form else frozenset()
        self.condition_specs = list(conditions)
        self.conditions = Conditions(conditions, hidden) if conditions or hidden else None
        self.head = PropertyHead(encoder.output_dim + (self.conditions.num_shown if self.conditions else 0), forms)
        self.scaler = TargetScaler(len(properties))
        self.line = SimulatedLine(len(properties)) if corrects_simulation else None

    def forward(self, batch: GraphBatch) -> Float[Tensor, "num_graphs num_outputs"]:
        """Compute the outputs of the head, on the standardized scale, where losses are computed.

        Raises:
            ValueError: If the encoder cannot read the batch, or returns another shape than it says.
        """
        self.require_readable(batch)
        encoded: Tensor = self.encoder(batch)
        if encoded.shape != (wanted := (batch.num_graphs, self.encoder.output_dim)):
            raise ValueError(
                f"the encoder {type(self.encoder).__name__} must return {wanted[0]} x {wanted[1]} numbers, one row per "
                f"material and `output_dim` in each, got {' x '.join(map(str, encoded.shape))}"
            )
        return self.outputs(encoded, batch)

    def require_readable(self, batch: GraphBatch) -> None:
        """Reject mixtures if the encoder reads pure materials.

        Raises:
            ValueError: If so.
        """
        if batch.members is not None and not self.encoder.reads_mixtures:
            raise ValueError(
                f"{type(self.encoder).__name__} reads pure materials, but these are mixtures; put it into "
                "gnn_sim2real.nn.Pair or gnn_sim2real.nn.Blend"
            )

    def outputs(
        self, encoded: Float[Tensor, "num_graphs output_dim"], batch: GraphBatch
    ) -> Float[Tensor, "num_graphs num_outputs"]:
        """Compute the outputs of the head for materials that are encoded already.

        Args:
            encoded: By the encoder.
            batch: The materials, for their conditions.
        """
        if self.conditions is not None:
            encoded = torch.cat([encoded, self.conditions(batch)], dim=1)
        outputs: Tensor = self.head(encoded)
        return outputs

    def temperature(self, batch: GraphBatch) -> Float[Tensor, " num_graphs"] | None:
        """Temperature of each material [K], for the forms that need it; else None."""
        return self.conditions.temperature(batch) if self.conditions and self.has_temperature_form else None

    def predict(self, batch: GraphBatch) -> Float[Tensor, "num_graphs num_properties"]:
        """Predict in physical units."""
        return self.values(self(batch), batch)

    def predict_with_terms(self, batch: GraphBatch) -> Float[Tensor, "num_graphs num_columns"]:
        """Predict in physical units: the properties, then the values named by `terms`."""
        outputs: Tensor = self(batch)
        columns = [self.values(outputs, batch)]
        for column, spec in enumerate(self.properties):
            if spec in self._inverse_temperature:
                scale, shift = self.scaler.std[column], self.scaler.mean[column]
                columns.append(self.head.temperature_terms(outputs, column) * scale)
                columns[-1][:, 0] += shift
        return torch.cat(columns, dim=1)

    @property
    def terms(self) -> list[tuple[str, str]]:
        """Name and unit of A and B of each property of the form A + B / T, such as `chi A` and `chi B`.

        Of a property that is learned as its logarithm they are those of the logarithm.

        Empty if the model corrects simulated values, since what it adds to them is not the property.
        """
        terms = []
        for spec in self._inverse_temperature:
            if spec.transform is None:
                terms += [(f"{spec.name} A", spec.unit), (f"{spec.name} B", f"{spec.unit} K".strip())]
            else:  # of the number in the unit of the property
                terms += [(f"{spec.transform} {spec.name} A", ""), (f"{spec.transform} {spec.name} B", "K")]
        return terms

    @property
    def _inverse_temperature(self) -> list[PropertySpec]:
        return [spec for spec in self.properties if spec.form == "inverse_temperature" and self.line is None]

    def values(
        self, outputs: Float[Tensor, "num_graphs num_outputs"], batch: GraphBatch
    ) -> Float[Tensor, "num_graphs num_properties"]:
        """Compute the properties in physical units.

        Args:
            outputs: From `forward`.
            batch: The materials, for their temperature and their simulated values.
        """
        values = self.scaler.unscale(self.head.values(outputs, self.temperature(batch)))
        if self.line is not None:
            values = values + self.line(None if batch.simulated is None else self.on_scale(batch.simulated))
        if not any(self.is_log):
            return values
        powers = 10 ** values.clamp(-_MAX_DECADES, _MAX_DECADES)
        return torch.where(torch.tensor(self.is_log, device=values.device), powers, values)

    def on_scale(self, values: Tensor) -> Tensor:
        """Physical units to the scale on which each property is learned.

        Args:
            values: (num_graphs, num_properties), NaN where missing.
        """
        if not any(self.is_log):
            return values
        logs = values.clamp_min(torch.finfo(values.dtype).tiny).log10()
        return torch.where(torch.tensor(self.is_log, device=values.device), logs, values)

    def scaled_targets(self, batch: GraphBatch) -> Float[Tensor, "num_graphs num_properties"]:
        """Values that the head should predict, NaN where missing.

        Raises:
            ValueError: If the batch has no targets.
        """
        if batch.targets is None:
            raise ValueError("training needs measured or computed values; these data are for prediction only")
        targets = self.on_scale(batch.targets)
        if self.line is not None:
            targets = targets - self.line(None if batch.simulated is None else self.on_scale(batch.simulated))
        return self.scaler.scale(targets)

    def losses(
        self,
        outputs: Float[Tensor, "num_graphs num_outputs"],
        batch: GraphBatch,
        of_error: Callable[[Tensor], Tensor],
    ) -> tuple[Float[Tensor, "num_graphs num_properties"], Bool[Tensor, "num_graphs num_properties"]]:
        """Loss of each value, 0 where it is missing, and which are there.

        A target that is only a limit has no loss where the prediction is on its right side, as in a Tobit model.

        Args:
            outputs: From `forward`.
            batch: With targets.
            of_error: Loss of a standardized error, elementwise.
        """
        scaled = self.scaled_targets(batch)
        present = ~scaled.isnan()
        loss = self.head.loss(outputs, scaled.nan_to_num(0.0), of_error, self.temperature(batch))
        if batch.censored is not None and batch.targets is not None:
            beyond = batch.censored * (self.values(outputs.detach(), batch) - batch.targets)
            loss = loss.where(~((batch.censored != 0) & (beyond >= 0)), 0.0)
        return loss * present, present

    def fit_scales(
        self,
        targets: Tensor,
        simulated: Tensor | None = None,
        slope: bool = True,
        conditions: Tensor | None = None,
    ) -> None:
        """Take line and scales from the training part.

        Args:
            targets: (num_materials, num_properties), physical units, NaN where missing.
            simulated: The simulated values, likewise, for a model that corrects them.
            slope: Whether the line has a slope of its own and an offset; else it is the simulated value itself.
            conditions: (num_materials, num_conditions), physical units.
        """
        if self.conditions is not None:
            self.conditions.fit(conditions)
        targets, simulated = self.on_scale(targets), None if simulated is None else self.on_scale(simulated)
        if self.line is not None:
            if slope and simulated is not None:
                self.line.fit(simulated, targets)
            targets = targets - self.line(simulated)
        from_zero = torch.tensor([each.form in FROM_ZERO for each in self.properties])
        self.scaler.fit(targets, from_zero)
        for column, spec in enumerate(self.properties):
            if spec.form == "exponential":  # its logarithm is to be near zero; a root mean square is far above most
                present = targets[:, column][~targets[:, column].isnan()]
                self.scaler.std[column] = present.clamp_min(torch.finfo(present.dtype).tiny).log().mean().exp()

    def select_property(self, other: "PropertyModel", column: int, factor: float = 1.0, shift: float = 0.0) -> None:
        """Take over what predicts one property of another model, but for its encoder; in another unit.

        Args:
            other: With a head of the same input, under the same conditions; it is not changed.
            column: Number of the property there.
            factor: Times a value in the other's unit, to which `shift` is added, gives it in the unit of this model.
            shift: See `factor`.
        """
        self.take_conditions(other)
        if self.is_log[0]:  # another unit shifts a logarithm
            factor, shift = 1.0, math.log10(factor)
        self.scaler.select_property(other.scaler, column, factor, shift)
        self.head.select_outputs(other.head, other.head.outputs_of(column))

    def take_conditions(self, other: "PropertyModel") -> None:
        """Take over the scales of the conditions.

        Args:
            other: A model under the same conditions; it is not changed.
        """
        if self.conditions is not None and other.conditions is not None:
            self.conditions.load_state_dict(other.conditions.state_dict())

    def describe(self) -> dict[str, Any]:
        """Plain types from which `from_description` makes the same network."""
        described: dict[str, Any] = {
            "encoder": self.encoder.describe(),
            "properties": [spec.describe() for spec in self.properties],
            "corrects_simulation": self.line is not None,
        }
        if self.condition_specs:
            described["conditions"] = [asdict(spec) for spec in self.condition_specs]
        return described

    @classmethod
    def from_description(cls, description: dict[str, Any]) -> "PropertyModel":
        """Make the network with fresh weights.

        Raises:
            CheckpointError: If the description is not one of `describe`.
        """
        try:
            properties = [PropertySpec(**spec) for spec in description["properties"]]
            encoder = description["encoder"]
            conditions = [ConditionSpec(**spec) for spec in description.get("conditions", [])]
        except (KeyError, TypeError) as error:
            raise CheckpointError(f"the description of the model is incomplete ({error})") from error
        corrects = bool(description.get("corrects_simulation", False))
        return cls(build_encoder(encoder), properties, corrects, conditions)
