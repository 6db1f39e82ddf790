"""Class paths as files of earlier versions spell them, and where those classes are today.

YAMLs, cards and checkpoints name classes by their dotted path, and the keys of records are hashes of such names. So a
class that moves gets a line here: old files keep loading, and keys stay what they were.
"""

from typing import Any

RENAMED = {
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
"""Path of today by the path of an earlier version."""

_FIRST = {today: earlier for earlier, today in reversed(RENAMED.items())}
"""The first name that each class ever had."""


def current_paths(content: Any) -> Any:
    """Replace the class paths of earlier versions by those of today, at every depth.

    Args:
        content: Plain types; a string that is such a path as a whole is replaced.
    """
    return _replace(content, RENAMED)


def first_paths(content: Any) -> Any:
    """Replace class paths by the first name that each class had: what the key of a record is made of.

    Args:
        content: Plain types.
    """
    return _replace(content, _FIRST)


def _replace(content: Any, names: dict[str, str]) -> Any:
    if isinstance(content, str):
        return names.get(content, content)
    if isinstance(content, dict):
        return {key: _replace(value, names) for key, value in content.items()}
    if isinstance(content, list):
        return [_replace(each, names) for each in content]
    return content
