"""Keys of results: the hash of everything that determines the numbers of a result, and of nothing else."""

import hashlib
import importlib
import inspect
import json
import math
from collections.abc import Mapping
from typing import Any

from gnn_sim2real.renamed import current_paths, current_policy, first_paths, first_policy


class Canonical(str):
    """Plain types as canonical JSON text, made once where many keys share it."""

    __slots__ = ()


def canonical(content: Any) -> Canonical:
    """Write plain types as canonical JSON.

    Args:
        content: Plain types, without NaN.

    Raises:
        ValueError: If a number is not finite; the message names its setting.
    """
    try:
        text = json.dumps(content, sort_keys=True, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    except ValueError as error:
        if (found := _not_finite(content)) is None:
            raise
        raise ValueError(f"`{'.'.join(found[0])}` must be a finite number, got {found[1]}") from error
    return Canonical(text)


def _not_finite(content: Any) -> tuple[list[str], float] | None:
    """Where plain types have a number that is not finite, and that number."""
    if isinstance(content, float):
        return None if math.isfinite(content) else ([], content)
    named = content if isinstance(content, Mapping) else dict(enumerate(content)) if isinstance(content, list) else {}
    for name, value in named.items():
        if (found := _not_finite(value)) is not None:
            return [str(name), *found[0]], found[1]
    return None


def record_key(content: Mapping[str, Any]) -> str:
    """Hash plain types: 32 hexadecimal digits.

    Args:
        content: Resolved configuration, data fingerprints, numerics versions: all that changes the numbers. A value may
            be `Canonical` instead of plain types; the key is the same.
    """
    entries = (
        f"{canonical(name)}:{value if isinstance(value, Canonical) else canonical(value)}"
        for name, value in sorted(content.items())
    )
    return hashlib.sha256(f"{{{','.join(entries)}}}".encode()).hexdigest()[:32]


_NUMERIC_TRAINER_SETTINGS = (
    "accelerator",
    "devices",
    "num_nodes",
    "strategy",
    "precision",
    "max_epochs",
    "min_epochs",
    "max_steps",
    "min_steps",
    "max_time",
    "limit_train_batches",
    "limit_val_batches",
    "overfit_batches",
    "fast_dev_run",
    "accumulate_grad_batches",
    "gradient_clip_val",
    "gradient_clip_algorithm",
    "deterministic",
    "check_val_every_n_epoch",
    "val_check_interval",
)
"""Settings of Lightning's Trainer that can change a result. It lists what counts rather than what does not: a new
setting in a later Lightning must not give every old result a new key."""

_WATCHERS = (
    "ScalingLawCallback",
    "PredictionTable",
    "PredictionWriter",
    "ModelCheckpoint",
    "ProgressBar",
    "LearningRateMonitor",
    "Timer",
)


def numbers_only(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a resolved configuration that can change a result.

    Loggers, folders, progress bars and callbacks that only observe are left out, so that adding W&B repeats no
    training. So are the data, whose fingerprint says more, and the path of a pretrained model.

    Args:
        config: Configuration with the keys `trainer`, `model` and `seed_everything`.
    """
    given = config.get("trainer", {})
    trainer = {name: given[name] for name in _NUMERIC_TRAINER_SETTINGS if given.get(name) is not None}
    callbacks = given.get("callbacks") or []
    callbacks = callbacks if isinstance(callbacks, list) else [callbacks]
    active = [each for each in callbacks if not str(each["class_path"]).endswith(_WATCHERS)]
    model = dict(config.get("model", {}))
    settings = {name: value for name, value in model.get("init_args", {}).items() if name != "pretrained"}
    # Defaults have current names, keys have the first names.
    if isinstance(settings.get("policy"), str):
        settings["policy"] = current_policy(settings["policy"])
    model = without_defaults(model | {"init_args": settings})
    if isinstance(model["init_args"].get("policy"), str):
        model["init_args"]["policy"] = first_policy(model["init_args"]["policy"])
    return {
        "trainer": trainer | {"callbacks": [without_defaults(each) for each in active]},
        "model": model,
        "seed": config.get("seed_everything"),
    }


def without_defaults(content: Any) -> Any:
    """Leave out the settings of a class that equal its defaults, at every depth.

    A new option whose default changes nothing then gives no old result a new key. A change of what a default does
    raises the `NUMERICS_VERSION` of the module instead.

    Args:
        content: Plain types, classes as `{"class_path": ..., "init_args": ...}`.
    """
    if isinstance(content, list):
        return [without_defaults(each) for each in content]
    if not isinstance(content, dict) or "class_path" not in content:
        return content
    module_name, _, name = str(current_paths(content["class_path"])).rpartition(".")
    signature = inspect.signature(getattr(importlib.import_module(module_name), name))
    defaults = {key: parameter.default for key, parameter in signature.parameters.items()}
    # JSON has lists where defaults in Python may be tuples.
    defaults = {key: list(value) if isinstance(value, tuple) else value for key, value in defaults.items()}
    settings = {key: without_defaults(value) for key, value in (content.get("init_args") or {}).items()}
    kept = {key: value for key, value in settings.items() if key not in defaults or value != defaults[key]}
    # Under its first name, so that a class that moves gives no old result a new key.
    return {"class_path": first_paths(content["class_path"]), "init_args": kept}


def flatten(content: Mapping[str, Any], start: str = "") -> dict[str, Any]:
    """Values of nested settings by dotted name.

    Args:
        content: The settings.
        start: What the names begin with.
    """
    flat: dict[str, Any] = {}
    for name, value in content.items():
        flat |= flatten(value, f"{start}{name}.") if isinstance(value, Mapping) else {f"{start}{name}": value}
    return flat
