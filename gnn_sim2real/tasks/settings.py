"""The settings of a training that was started from Python, in the shape that a resolved YAML has."""

from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch import Trainer

from gnn_sim2real.tasks.base import default_optimizer

if TYPE_CHECKING:
    from gnn_sim2real.tasks.finetune import TargetFineTuning

_TRAINER = (
    "max_epochs",
    "max_steps",
    "min_epochs",
    "min_steps",
    "precision",
    "limit_train_batches",
    "overfit_batches",
    "fast_dev_run",
    "accumulate_grad_batches",
    "gradient_clip_val",
    "gradient_clip_algorithm",
)
"""Attributes of Lightning's Trainer that can change a result and are called like its arguments."""


def training_settings(trainer: Trainer, module: "TargetFineTuning") -> dict[str, Any]:
    """Settings of a training in plain types, read from the objects: there is no YAML.

    Args:
        trainer: The trainer.
        module: The task, with its network.

    Returns:
        `trainer`, `model` and `seed_everything`, as in `gnn-sim2real fit --print_config`.
    """
    policy = module.policy
    settings = {
        "encoder": module.network.encoder.describe(),
        "policy": policy.name,
        "policy_settings": {name: getattr(policy, name) for name in policy.settings()},
        "encoder_rate": module.encoder_rate,
        "dropout": module.dropout,
        "loss": module.loss,
        "forms": module.forms,
        "optimizer": _describe_optimizer(module),
        "warmup_fraction": module.warmup_fraction,
        "schedule": _describe_schedule(module),
    }
    given = {name: getattr(trainer, name) for name in _TRAINER}
    given["precision"] = str(given["precision"])
    return {
        "trainer": given,
        "model": {"class_path": _path(type(module)), "init_args": settings},
        "seed_everything": module.training_seed,
    }


def _describe_optimizer(module: "TargetFineTuning") -> Any:
    """The optimizer by name, or by class and settings: two lambdas have the same name."""
    if module.optimizer is default_optimizer:
        return f"{default_optimizer.__module__}.{default_optimizer.__qualname__}"
    optimizer = _trial_optimizer(module)
    return {"class_path": _path(type(optimizer)), "init_args": _numbers(optimizer.defaults)}


def _describe_schedule(module: "TargetFineTuning") -> Any:
    if module.schedule is None:
        return None
    schedule = module.schedule(_trial_optimizer(module))
    return {"class_path": _path(type(schedule)), "init_args": _numbers(schedule.state_dict())}


def _trial_optimizer(module: "TargetFineTuning") -> torch.optim.Optimizer:
    """The optimizer, of a parameter of its own."""
    return module.optimizer([torch.nn.Parameter(torch.zeros(1))])


def _numbers(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings without those that are unset or are objects of this process."""
    plain = (bool, int, float, str)
    found = {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, plain) or (isinstance(value, list) and all(isinstance(each, plain) for each in value))
    }


def _path(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
