"""Class paths, policies and properties as files and people name them, and as they are called today.

YAMLs, records, cards and checkpoints name them, and the keys of records are hashes of such names. So what gets another
name gets a line here: a file keeps its words, whoever reads it translates, and keys stay what they were.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

T = TypeVar("T")

CLASSES = {
    "gnn_sim2real.tasks.SourcePretraining": "gnn_sim2real.SourcePretraining",
    "gnn_sim2real.tasks.TargetFineTuning": "gnn_sim2real.TargetFineTuning",
    "gnn_sim2real.scaling.callback.ScalingLawCallback": "gnn_sim2real.ScalingLawCallback",
    "gnn_sim2real.nn.up_to_layer.UpToLayer": "gnn_sim2real.nn.truncated.TruncatedEncoder",
    "gnn_sim2real.nn.UpToLayer": "gnn_sim2real.nn.TruncatedEncoder",
    "gnn_sim2real.datamodule.PropertyDataModule": "gnn_sim2real.data.module.PropertyDataModule",
    "gnn_sim2real.crystal_datamodule.CrystalDataModule": "gnn_sim2real.data.crystals.CrystalDataModule",
    "gnn_sim2real.mixture_datamodule.MixtureDataModule": "gnn_sim2real.data.mixtures.MixtureDataModule",
    "gnn_sim2real.snapshot_datamodule.SnapshotDataModule": "gnn_sim2real.data.snapshots.SnapshotDataModule",
    "datamodules.table.Table": "datamodules.files.table.Table",
    "datamodules.table.MaterialTable": "datamodules.files.table.MaterialTable",
    "datamodules.polymer_table.PolymerTable": "datamodules.files.polymer_table.PolymerTable",
    "datamodules.crystal_folder.CrystalFolder": "datamodules.files.crystal_folder.CrystalFolder",
    "datamodules.blend_table.BlendTable": "datamodules.files.blend_table.BlendTable",
}
"""Class path of today by that of an earlier version."""

SHORT_NAMES = {"ReduceLROnPlateau": "gnn_sim2real.tasks.schedule.ReduceLROnPlateau"}
"""Class path of a class whose name alone would be ambiguous: torch and Lightning have one of that name as well."""

POLICIES = {
    "none": "full",
    "encoder": "frozen_encoder",
    "l2_start": "l2_sp",
    "difference": "delta",
}
"""Policy of today by its name in an earlier version."""

PROPERTIES = {
    "glass_transition": ("tg", "t_g", "glass_transition_temperature", "glass_transition_temp"),
    "melting_point": ("tm", "t_m", "melting_temperature", "melting_temp"),
    "boiling_point": ("tb", "t_b", "boiling_temperature", "boiling_temp"),
    "band_gap": ("gap", "bandgap"),
    "Cp": ("cp",),
    "Cv": ("cv",),
    "chi": ("flory_huggins_chi",),
    "dielectric_constant": ("permittivity", "relative_permittivity"),
    "diffusivity": ("diffusion_coefficient",),
    "dipole_moment": ("dipole",),
    "ionization_potential": ("ionization_energy",),
    "molar_mass": ("molecular_weight",),
}
"""Other names of a property, by the one that data sheets, configurations and models have. Only names of the very same
quantity: a linear expansion is not a volume expansion."""

_PROPERTY_NAMES = {other: name for name, others in PROPERTIES.items() for other in (name.lower(), *others)}

SETTINGS = {"ScalingLawCallback": {"folder": "records"}}
"""Settings of a class of this package, by its name: the name of today by that of an earlier version."""


def _first_names(renamed: dict[str, str]) -> dict[str, str]:
    return {today: earlier for earlier, today in reversed(renamed.items())}


_FIRST_CLASSES, _FIRST_POLICIES = _first_names(CLASSES), _first_names(POLICIES)


def current_policy(name: str) -> str:
    """Return the name of today; that of a baseline, or of a policy that kept its name, is the same.

    Args:
        name: Of any version.

    Raises:
        ValueError: If it is not a name.
    """
    if not isinstance(name, str):
        raise ValueError(f"a policy is a name, got {name!r}")
    return POLICIES.get(name, name)


def first_policy(name: str) -> str:
    """Return the first name that a policy had: what the key of a record is made of.

    Args:
        name: Of any version.

    Raises:
        ValueError: If it is not a name.
    """
    name = current_policy(name)
    return _FIRST_POLICIES.get(name, name)


@lru_cache(maxsize=4096)  # a filter asks once for each of many cards
def current_property(name: str) -> str:
    """Return the name of a property that models, cards and data sheets have; a name that is not known is the same.

    Args:
        name: As people write it, e.g. `Tg` or `glass transition temperature`.
    """
    return _PROPERTY_NAMES.get(re.sub(r"[\s-]+", "_", name.strip().lower()), name)


def by_property(given: Mapping[str, T], names: Iterable[str]) -> dict[str, T]:
    """Settings by name of a property, however it is written, by the names that the properties have.

    Args:
        given: The settings; a name that is none of the properties is kept.
        names: Names of the properties.

    Raises:
        ValueError: If two of the settings are for one property.
    """
    spelled, first = {current_property(name): name for name in names}, dict[str, str]()
    for name in given:
        if (other := first.setdefault(current_property(name), name)) != name:
            raise ValueError(f"{other!r} and {name!r} are names of one property; leave out one of them")
    return {spelled.get(current_property(name), name): value for name, value in given.items()}


def current_paths(content: Any) -> Any:
    """Replace the class paths of earlier versions by those of today, and settings of these classes, at every depth.

    Args:
        content: Plain types; a string that is such a path as a whole is replaced.
    """
    return _rename_settings(_replace(content, CLASSES | SHORT_NAMES))


def first_paths(content: Any) -> Any:
    """Replace class paths by the first name that each class had: what the key of a record is made of.

    Args:
        content: Plain types.
    """
    return _replace(content, _FIRST_CLASSES)


def _replace(content: Any, names: dict[str, str]) -> Any:
    if isinstance(content, str):
        return names.get(content, content)
    if isinstance(content, dict):
        return {key: _replace(value, names) for key, value in content.items()}
    if isinstance(content, list):
        return [_replace(each, names) for each in content]
    return content


def _rename_settings(content: Any) -> Any:
    if isinstance(content, list):
        return [_rename_settings(each) for each in content]
    if not isinstance(content, dict):
        return content
    found = {key: _rename_settings(value) for key, value in content.items()}
    path, given = found.get("class_path"), found.get("init_args")
    if isinstance(path, str) and isinstance(given, dict) and (renamed := renamed_settings(path)):
        found["init_args"] = {renamed.get(name, name): value for name, value in given.items()}
    return found


def renamed_settings(path: str) -> dict[str, str]:
    """Settings of a class that had other names: the name of today by the earlier one.

    Args:
        path: Class path, or the name of the class alone.
    """
    package, _, name = path.rpartition(".")
    return SETTINGS.get(name, {}) if package.partition(".")[0] in ("", "gnn_sim2real") else {}
