"""Fine-tuning on measured materials."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor

from gnn_sim2real.data.data_set import title_of
from gnn_sim2real.data.simulated import HOW_TO_GIVE
from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.featurize.featurizer import makes_components, same_graphs
from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.library import CHECKPOINT_ENTRY, TrainedModel, load_model
from gnn_sim2real.library.model import was_trained
from gnn_sim2real.nn.blend import Blend
from gnn_sim2real.nn.encoder import Encoder
from gnn_sim2real.nn.head import FROM_ZERO, OutputForm
from gnn_sim2real.nn.model import PropertyModel, PropertySpec
from gnn_sim2real.renamed import current_policy, current_property
from gnn_sim2real.scales import DECADES
from gnn_sim2real.store.loader import make_loader
from gnn_sim2real.store.vocabulary import Vocabulary, join_vocabularies, warn_of_unseen
from gnn_sim2real.tasks.base import PropertyRegression, default_optimizer
from gnn_sim2real.tasks.checks import require_one_process, require_same_cutoff
from gnn_sim2real.tasks.losses import Loss
from gnn_sim2real.tasks.policies import REFERENCE, describe_policies, make_policy
from gnn_sim2real.tasks.seen import SeenMaterials, warn_of_seen_by_source
from gnn_sim2real.tasks.transfer import (
    adapt,
    as_blend,
    calibrate,
    count_parameters,
    freeze,
    keep_statistics,
    require_same_encoder,
    with_dropout,
)
from gnn_sim2real.units import format_unit

logger = logging.getLogger(__name__)

_LISTED = 20
"""Properties of a source that are named in a warning."""

_POLICY_ENTRY = "gnn_sim2real_policy"


class TargetFineTuning(PropertyRegression):
    """Fine-tune a pretrained model on measurements, or train from scratch without one.

    Args:
        encoder: The architecture; may be left out if `pretrained` is given.
        pretrained: The source model: a Lightning checkpoint, or a folder of the model library, or its key.
            Null trains from scratch.
        policy: How the pretrained weights are trained, see `gnn_sim2real.tasks.policies`. {policies}.
        unfreeze_every: Epochs between two layers of `gradual`.
        start_penalty: What `l2_sp` adds to the loss: this times the squared distance of the pretrained weights from
            their start.
        policy_settings: Further settings of policies, by name; each policy takes its own.
        encoder_rate: Learning rate of the encoder divided by that of the head; a value below 1 changes what was
            pretrained more slowly.
        dropout: Dropout of the encoder in this training; that of the pretrained model, or of `encoder`, unless given.
        loss: Loss of standardized properties; `huber` is squared near zero and linear beyond half a standard deviation,
            so that one wrong measurement among a few dozen does not dominate.
        forms: What values a property can take, by its name: `linear` (any, the default), `softplus` (above zero),
            `exponential` (likewise, over orders of magnitude), `hurdle` (zero or above it) or `inverse_temperature`
            (A + B / T), see `gnn_sim2real.nn.head`.
        optimizer: Makes the optimizer from the parameters.
        warmup_fraction: Share of all steps in which the learning rate rises linearly; it then falls as a cosine to 0.
        schedule: Another schedule, by the class path of a torch scheduler, stepped after every optimizer step;
            `ReduceLROnPlateau` (`monitor: val/loss`) after every validation. `warmup_fraction` then has no meaning.
            Null is warm-up and cosine.
        compile: Whether the forward pass uses `torch.compile`, which pays off in long trainings and needs a C++
            compiler.

    Raises:
        ValueError: If a setting is not one of those accepted.
    """

    def __init__(
        self,
        encoder: Encoder | None = None,
        pretrained: str | None = None,
        policy: str = REFERENCE,
        unfreeze_every: int = 10,
        start_penalty: float = 0.01,
        policy_settings: dict[str, Any] | None = None,
        encoder_rate: float = 1.0,
        dropout: float | None = None,
        loss: Loss = "huber",
        forms: dict[str, OutputForm] | None = None,
        optimizer: OptimizerCallable = default_optimizer,
        warmup_fraction: float = 0.1,
        schedule: LRSchedulerCallable | None = None,
        compile: bool = False,  # noqa: A002 (the word users know)
    ) -> None:
        super().__init__(loss, forms, optimizer, warmup_fraction, schedule, compile)
        self.given_encoder = (encoder,)  # in a tuple, or its weights would be saved twice
        self.pretrained = pretrained
        if not 0 < encoder_rate <= 1:
            raise ValueError(f"`encoder_rate` must be above 0 and at most 1, got {encoder_rate}")
        settings = {"unfreeze_every": unfreeze_every, "start_penalty": start_penalty} | (policy_settings or {})
        self.policy = make_policy(policy, settings)
        self.encoder_rate, self.dropout = encoder_rate, dropout
        self.source_card: dict[str, Any] | None = None
        self.start_error: float | None = None
        self.trained_policy = self.policy.name
        """That of the training, also where a model is tested with the YAML of another."""
        self.content: dict[str, Any] | None = None
        """What determines the numbers of the next training, see `records.training_keys.training_content`."""
        self.source_seen: SeenMaterials | None = None
        """What its source has seen; None if not known, or if it needs no word, since a study removes what is tested."""
        self.trained_content: dict[str, Any] | None = None
        """That of the training of a model from a checkpoint, with its data; None if it is not known."""
        self._is_fine_tuned, self._has_new_head = True, True

    def check_trainer(self, trainer: Trainer, stage: str) -> None:
        """Reject several processes as well: some weights are frozen, and measurements are few."""
        super().check_trainer(trainer, stage)
        require_one_process(trainer, "fine-tuning")
        if stage == "fit":
            self._require_pretrained()

    def _require_pretrained(self) -> None:
        """Reject a policy without its pretrained model; the checkpoint of a fine-tuned model needs none."""
        if self.pretrained is None and self.policy.needs_pretrained:
            raise ValueError(
                f"policy {self.policy.name!r} needs a pretrained model, but `pretrained` is not given; use "
                f"`{REFERENCE}`"
            )

    def make_network(self) -> PropertyModel:
        """The pretrained model adapted to the target, or a fresh one.

        Raises:
            ValueError: If there is neither a pretrained model nor an encoder.
        """
        self._require_pretrained()
        (encoder,) = self.given_encoder
        if self.pretrained is None:
            if encoder is None:
                raise ValueError("fine-tuning needs `pretrained`, or an `encoder` to train from scratch; got neither")
            require_same_cutoff(encoder, self.data)
            if self.dropout is not None:
                encoder = with_dropout(encoder, self.dropout)
            network = PropertyModel(encoder, self.targets(), self.policy.takes_simulated, self.data.conditions)
            self.fit_scales(network)
            return network
        source = self.source()
        if encoder is not None:
            require_same_encoder(encoder, source.network.encoder)
        self.source_card = source.card | {"fingerprint": source.fingerprint}
        target, *further = self.targets(source.network)
        network, report = adapt(source.network, target, self.policy.takes_simulated, self.data.conditions, further)
        if self.dropout is not None:
            network.encoder = with_dropout(network.encoder, self.dropout)
        if self.trainer.state.fn == TrainerFn.FITTING:
            warn_of_unseen(source.card.get("vocabulary"), self.data.store, "fine-tuning")
        self._has_new_head = bool(report.initialized)
        if self._has_new_head:
            self.fit_scales(network)
            if self.trainer.state.fn == TrainerFn.FITTING and not self.policy.takes_simulated:
                _warn_of_new_head(_spelled(source.network.properties), _spelled([target, *further]))
        logger.info("%s", report.describe())
        if self.policy.calibrates and not self._has_new_head and self.trainer.state.fn == TrainerFn.FITTING:
            offset, slope = calibrate(network, self.data.part("train"))
            logger.info("calibrated start: measured = %.4g + %.4g x predicted", offset, slope)
        return network

    def require_known_weights(self) -> None:
        """Reject an untrained model; a pretrained one may be applied before it is fine-tuned, if it has the property.

        Raises:
            ValueError: If there is none, or its head would be a new one.
        """
        if not self.is_trained and self.trainer.state.fn != TrainerFn.FITTING:
            if self.pretrained is not None:
                self.require_network()
            if self.has_known_weights():
                logger.info("the model was not fine-tuned: %s is applied as it was pretrained", self.pretrained or "it")
                return
        super().require_known_weights()

    def has_known_weights(self) -> bool:
        """Whether all weights were trained, here or in the pretraining."""
        return super().has_known_weights() or not self._has_new_head

    def source(self) -> TrainedModel:
        """The pretrained model; one of pure materials becomes one of blends if the target has blends.

        Raises:
            CheckpointError: If it reads other graphs than those of the target.
        """
        source = load_model(Path(str(self.pretrained)))
        if same_graphs(source.featurizer.describe(), self.data.featurizer.describe()):
            return source
        if makes_components(source.featurizer, self.data.featurizer):
            (asked,) = self.given_encoder
            network = as_blend(source.network, isinstance(asked, Blend) and asked.bond is not None)
            return replace(source, network=network, featurizer=self.data.featurizer)
        raise CheckpointError(
            f"{self.pretrained} was pretrained on graphs made by {source.featurizer.describe()}, but those of the "
            f"target are made by {self.data.featurizer.describe()}; pretrain again or choose another source"
        )

    def targets(self, source: PropertyModel | None = None) -> list[PropertySpec]:
        """The measured properties, each in the requested form, else in that of the source, to use its head.

        Args:
            source: The pretrained model.

        Raises:
            ValueError: If there are several, and the policy corrects the simulated value of one.
        """
        specs = self.properties
        if len(specs) > 1 and self.policy.takes_simulated:
            raise ValueError(
                f"policy {self.policy.name!r} corrects the simulated value of one property, but the data have "
                f"{', '.join(each.name for each in specs)}; choose another policy, or one property"
            )
        return [self._in_form(each, source) for each in specs]

    def _in_form(self, target: PropertySpec, source: PropertyModel | None) -> PropertySpec:
        if self.policy.takes_simulated and target.form in FROM_ZERO:  # a correction can have either sign
            return replace(target, form="linear")
        asked = {current_property(name) for name in self.forms}
        if source is not None and not self.policy.takes_simulated and target.name not in asked:
            forms = {spec.name: spec.form for spec in source.properties if spec.transform == target.transform}
            return replace(target, form=forms.get(target.name, target.form))
        return target

    def fit_scales(self, network: PropertyModel) -> None:
        """Fit line and scale to the training part.

        Args:
            network: The model.

        Raises:
            ValueError: If it corrects simulated values and the data have none, or none for training.
        """
        simulated = self.data.part("train").present_simulated
        if self.policy.takes_simulated and simulated is None:
            raise ValueError(
                f"policy {self.policy.name!r} corrects the simulated value of each material, but "
                f"{title_of(self.data)} has no simulated values; {HOW_TO_GIVE}, or choose another policy"
            )
        part = self.data.part("train")
        if self.policy.takes_simulated and simulated is not None:
            both = ~(simulated.isnan() | part.present_targets.isnan())
            if not bool(both.any()):
                raise ValueError(
                    f"policy {self.policy.name!r} corrects the simulated value of each material, but none of the "
                    f"{len(part)} for training has one ({int((~self.data.data_set.simulated.isnan()).sum())} of all "
                    "have); give more simulated values, more measured materials, or choose another policy"
                )
        network.fit_scales(part.present_targets, simulated, self.policy.fits_line, part.present_conditions)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Encoder and head, the encoder at its own share of the learning rate."""
        return [
            {"params": list(self.network.encoder.parameters()), "share": self.encoder_rate},
            {"params": list(self.network.head.parameters()), "share": 1.0},
        ]

    def training_step(self, batch: GraphBatch, batch_number: int) -> Tensor:
        """One step on a batch, with the penalty of the policy if it has one."""
        loss = super().training_step(batch, batch_number)
        penalty = self.policy.penalty(self.network)
        return loss if penalty is None else loss + penalty

    def train(self, mode: bool = True) -> "TargetFineTuning":
        """Switch the mode.

        Normalization keeps the statistics of pretraining, even if its weights are trained: a few dozen materials
        cannot replace them. Frozen layers stay in eval mode.
        """
        super().train(mode)
        if mode and self.pretrained is not None and hasattr(self, "network"):
            keep_statistics(self.network)
            epoch = self.current_epoch if self._trainer is not None else 0
            freeze(self.network, self.policy.frozen(self.network, epoch))
        return self

    def on_train_start(self) -> None:
        """Know the settings of the training, which may not be those of the checkpoint it goes on from."""
        super().on_train_start()
        self.trained_policy, self.trained_content = self.policy.name, None

    def on_train_epoch_start(self) -> None:
        """Freeze what the policy freezes in this epoch."""
        self.train()

    def on_fit_start(self) -> None:
        """Log how many parameters are trained, and the error before the first step."""
        self.train()
        self.policy.begin(self.start_weights)
        free, frozen = count_parameters(self.network)
        if self.start_error is None:
            self.start_error = self.error_at_start()
        before = ""
        if len(self.properties) == 1:  # an error over several properties, whose units differ, tells nothing
            spec = self.properties[0]
            unit = format_unit(spec.unit) if spec.transform is None else DECADES
            before = f"; MAE before the first step {self.start_error:.4g} {unit}".rstrip()
        logger.info("%d parameters trained, %d frozen%s", free, frozen, before)
        if self.logger is not None:
            self.logger.log_metrics({"start/mae": self.start_error}, step=0)

    def start_weights(self) -> dict[str, Tensor]:
        """The original pretrained weights by name, also in a resumed training; none from scratch."""
        if self.pretrained is None:
            return {}
        conditions = self.network.condition_specs
        (spec, *further), corrects = self.network.properties, self.policy.takes_simulated
        network, report = adapt(self.source().network, spec, corrects, conditions, further)
        return {
            name: start.detach().to(self.device)
            for name, start in network.named_parameters()
            if name not in report.initialized
        }

    @torch.no_grad()
    def error_at_start(self) -> float:
        """Mean absolute error on the training part before training, on the scale on which the property is learned."""
        self.eval()
        total, count = 0.0, 0
        for batch in make_loader(self.data.part("train"), batch_size=256):
            batch = batch.to(self.device)  # noqa: PLW2901
            predicted, measured = (
                self.network.on_scale(self.network.predict(batch)),
                self.network.on_scale(batch.targets),
            )
            error = (predicted - measured).abs()
            total, count = total + float(error.nansum()), count + int((~error.isnan()).sum())
        self.train()
        return total / count

    def card(self) -> dict[str, Any]:
        """Where the model comes from, with its source."""
        return super().card() | {
            "source": self.source_card,
            "policy": self.trained_policy,
            "start_mae": self.start_error,
        }

    def vocabulary(self) -> Vocabulary | None:
        """What the model has seen itself, and what its source has."""
        own = super().vocabulary()
        if self.source_card is None or own is None:
            return own
        seen = self.source_card.get("vocabulary")
        return None if seen is None else join_vocabularies(seen, own)

    def seen_before(self) -> Vocabulary | None:
        """What a loaded model has seen; of a pretrained one that is applied as it is, what its source has."""
        if self.is_trained or self.source_card is None:
            return super().seen_before()
        seen: Vocabulary | None = self.source_card.get("vocabulary")
        return seen

    def remember(self, card: Mapping[str, Any]) -> None:
        """Remember the source of a model that is tested or resumed."""
        super().remember(card)
        self._is_fine_tuned = card.get("task") == type(self).__name__
        if self._is_fine_tuned:
            self.source_card, self.start_error = card.get("source"), card.get("start_mae")
            self.trained_policy = current_policy(card.get("policy", self.policy.name))
            found = card.get("training")
            whole = isinstance(found, dict) and found.keys() == {"config", "numerics", "data"}
            self.trained_content = found if whole else None

    def known_content(self) -> dict[str, Any] | None:
        """What determined the numbers of the training, with its `data`; None if it is not known."""
        if self.trained_with is None or self.content is None:
            return self.trained_content
        return self.content | {"data": self.trained_with.key_content()}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save what the policy needs to continue."""
        super().on_save_checkpoint(checkpoint)
        checkpoint[CHECKPOINT_ENTRY]["card"]["training"] = self.known_content()
        if self.source_seen is not None:
            checkpoint[CHECKPOINT_ENTRY]["source_seen"] = self.source_seen.tensors()
        if state := self.policy.state_dict():
            checkpoint[_POLICY_ENTRY] = state

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Continue with the policy in a resumed training."""
        super().on_load_checkpoint(checkpoint)
        self._has_new_head = not was_trained(checkpoint)
        if (seen := checkpoint[CHECKPOINT_ENTRY].get("source_seen")) is not None:
            self.source_seen = SeenMaterials.from_tensors(seen)
        if _POLICY_ENTRY in checkpoint and self._trainer is not None and self.trainer.state.fn == TrainerFn.FITTING:
            self.policy.load_state_dict(checkpoint[_POLICY_ENTRY])

    def on_test_start(self) -> None:
        """Reject a pretrained model, whose record would call it trained from scratch; tell what its source has seen.

        Raises:
            CheckpointError: If the model was not fine-tuned.
        """
        if not self._is_fine_tuned:
            raise CheckpointError(
                "the model was pretrained but not fine-tuned; test it with the YAML of its pretraining, or fine-tune "
                "it first (`gnn-sim2real fit -c FINETUNE.yaml --model.init_args.pretrained MODEL`)"
            )
        super().on_test_start()
        if self.source_seen is not None:
            warn_of_seen_by_source(self.source_seen, self.data)


def _spelled(specs: Sequence[PropertySpec]) -> str:
    parts = (f"{each.transform} of {each.name}" if each.transform else each.name for each in specs)
    named = [f"{part} [{each.unit}]" if each.unit else part for part, each in zip(parts, specs, strict=True)]
    return ", ".join(named[:_LISTED]) + (f" and {len(named) - _LISTED} more" if len(named) > _LISTED else "")


@lru_cache(maxsize=64)  # a study makes the same model for many cells
def _warn_of_new_head(source: str, target: str) -> None:
    why = "in another form or under other conditions" if source == target else f"not {target}"
    logger.warning(
        "the pretrained model predicts %s, %s: its head is replaced by a new one, and its encoder alone is kept",
        source,
        why,
    )


# For the help: the policies are known once they have registered.
TargetFineTuning.__doc__ = str(TargetFineTuning.__doc__).replace("{policies}", describe_policies())
