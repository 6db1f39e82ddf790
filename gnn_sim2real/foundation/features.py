"""Features of materials from a foundation encoder, each computed once and then found on disk."""

import hashlib
import json
import logging
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from gnn_sim2real.console import track
from gnn_sim2real.featurize.conditions import pure_materials
from gnn_sim2real.files import default_cache_folder
from gnn_sim2real.foundation.encoder import ENCODERS, FoundationEncoder, LayerFeatures, installed_version
from gnn_sim2real.store.rows import RowFile, Rows, material_key, widened

logger = logging.getLogger(__name__)

_AT_ONCE = 128
_SAVED_EVERY = 30.0
"""Features are saved at most so often [s], since the whole file is written each time."""


@dataclass(frozen=True, eq=False)
class Features:
    """Features of materials from one layer of a foundation encoder.

    Attributes:
        values: (num_materials, dim) float64; NaN in the rows of materials that it cannot read.
        refused: Why, by row.
        about: The encoder, in plain types: name, version, settings, layer, licence and what its training has seen.
    """

    values: NDArray[np.float64]
    refused: dict[int, str]
    about: dict[str, Any]

    @property
    def reasons(self) -> dict[str, int]:
        """Number of refused materials by reason, the most frequent first."""
        return dict(Counter(self.refused.values()).most_common())


@dataclass(frozen=True, eq=False)
class NamedEncoder:
    """A foundation encoder and one of its layers.

    Attributes:
        encoder: The encoder.
        layer: The layer.
    """

    encoder: FoundationEncoder
    layer: str


def make_encoder(named: str | Mapping[str, Any]) -> NamedEncoder:
    """Make a foundation encoder as settings name it.

    Args:
        named: Its name, or its `name` with settings of its own and, if it is not the usual one, a `layer`.

    Raises:
        ValueError: If there is no such encoder, setting or layer.
    """
    settings = {"name": named} if isinstance(named, str) else dict(named)
    if "name" not in settings:
        raise ValueError(f"`foundation` needs the `name` of an encoder: {', '.join(ENCODERS.names())}")
    kind = ENCODERS.find(settings.pop("name"))
    layer = settings.pop("layer", None) or kind.layers[0]
    try:
        encoder = kind(**settings)
    except TypeError as error:
        raise ValueError(f"the foundation encoder `{kind.name}` has no such setting ({error})") from error
    if layer not in encoder.layers:
        raise ValueError(f"`layer` of `{kind.name}` must be one of {', '.join(encoder.layers)}, got {layer!r}")
    return NamedEncoder(encoder, layer)


def compute_features(
    encoder: FoundationEncoder,
    materials: Sequence[Any],
    kind: str,
    layer: str = "",
    folder: Path | None = None,
    *,
    waits: bool = True,
) -> Features:
    """Features of materials, from the cache or computed and saved there.

    A material is found again by its content, in whatever table it is. All layers are saved, since they cost one pass.

    Args:
        encoder: The encoder.
        materials: A SMILES or repeat-unit SMILES each; for crystals what `featurize.crystal_files.as_crystal` accepts.
            Conditions of their measurement do not count.
        kind: What they are, such as `crystal`, `molecule` or `repeat_unit`.
        layer: Layer of the encoder; the usual one unless given.
        folder: Folder of the cache; that of the user unless given.
        waits: Whether to wait for another process that computes features of the same encoder, which may be the same
            ones; not where each has materials of its own.

    Raises:
        ValueError: If the encoder does not read this kind, has no such layer, or must be computed and its libraries
            are not installed.
    """
    encoder.require_kind(kind)
    layer = layer or encoder.layers[0]
    if layer not in encoder.layers:
        raise ValueError(f"`layer` of `{encoder.name}` must be one of {', '.join(encoder.layers)}, got {layer!r}")
    folder = folder or default_cache_folder() / "foundation"
    readable, keys = _read(pure_materials(materials), kind)
    files = {each: RowFile(folder / f"{_file_name(encoder, each)}.safetensors") for each in encoder.layers}
    rows = files[layer].find(keys)
    if not rows.known.all():
        with _one_at_a_time(files[layer].path.with_suffix(".computing")) if waits else nullcontext():
            rows = rows.filled(files[layer].find(keys))  # what another process computed meanwhile
            if not rows.known.all():
                rows = rows.filled(_compute(encoder, readable, kind, keys, files, rows.known)[layer])
    found = Features(rows.values.astype(np.float64), rows.reasons, about(encoder, layer))
    if found.refused:
        listed = "; ".join(f"{count}: {reason}" for reason, count in found.reasons.items())
        count = f"{len(found.refused):,} of {len(keys):,}"
        logger.info("%s has no features of %s materials (%s)", encoder.name, count, listed)
    return found


def find_missing(
    encoder: FoundationEncoder, materials: Sequence[Any], kind: str, folder: Path | None = None
) -> list[Any]:
    """The materials whose features are not in the cache, each once.

    Args:
        encoder: The encoder.
        materials: As for `compute_features`.
        kind: What they are.
        folder: Folder of the cache; that of the user unless given.

    Raises:
        ValueError: If the encoder does not read this kind.
    """
    encoder.require_kind(kind)
    folder = folder or default_cache_folder() / "foundation"
    readable, keys = _read(pure_materials(materials), kind)
    known = RowFile(folder / f"{_file_name(encoder, encoder.layers[0])}.safetensors").find(keys).known
    return list({key: each for key, each, is_known in zip(keys, readable, known, strict=True) if not is_known}.values())


def _read(materials: Sequence[Any], kind: str) -> tuple[list[Any], list[bytes]]:
    """What the encoder reads, and the key of each in the cache."""
    readable = [_as_content(materials[row], kind) for row in range(len(materials))]
    return readable, [material_key(each, kind) for each in readable]


@contextmanager
def _one_at_a_time(lock: Path) -> Iterator[None]:
    """Let one process compute while others wait for it: those of a study want the same features at the same time."""
    waiting = FileLock(lock)
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        waiting.acquire()
    except OSError:  # a folder that cannot be written: nothing will be found there either
        yield
        return
    try:
        yield
    finally:
        waiting.release()


def about(encoder: FoundationEncoder, layer: str) -> dict[str, Any]:
    """What to know of features, in plain types, for records and reports.

    Args:
        encoder: The encoder.
        layer: Its layer.
    """
    return encoder.describe() | {"layer": layer, "licence": encoder.licence, "has_seen": encoder.has_seen}


def _as_content(material: Any, kind: str) -> Any:
    """A material as a text or a `Crystal`."""
    if kind != "crystal":
        return material
    from gnn_sim2real.featurize.crystal_files import as_crystal

    return as_crystal(material)


def _file_name(encoder: FoundationEncoder, layer: str) -> str:
    """Name of the file of a layer. Other versions of the libraries have another one: who knows what they changed."""
    libraries = {each: installed_version(each) for each in encoder.distributions}
    content = json.dumps([encoder.describe(), layer, libraries], sort_keys=True)
    return f"{encoder.name}-{hashlib.sha256(content.encode()).hexdigest()[:16]}"


def _compute(
    encoder: FoundationEncoder,
    materials: Sequence[Any],
    kind: str,
    keys: Sequence[bytes],
    files: Mapping[str, RowFile],
    known: NDArray[np.bool_],
) -> dict[str, Rows]:
    """Compute what is not known, and save it now and then. Returns new rows by layer, for all materials."""
    encoder.require_installed()
    first: dict[bytes, int] = {}
    for row in np.flatnonzero(~known).tolist():
        first.setdefault(keys[row], row)  # a material that is there twice is computed once
    rows = list(first.values())
    done, unsaved, saved = list[LayerFeatures](), 0, time.monotonic()
    starts = range(0, len(rows), _AT_ONCE)
    for start in track(starts, f"Features of {encoder.name}", len(starts)):
        done.append(encoder.features([materials[row] for row in rows[start : start + _AT_ONCE]], kind))
        if time.monotonic() - saved > _SAVED_EVERY or start == starts[-1]:
            _save(files, [keys[row] for row in rows[unsaved : start + _AT_ONCE]], done[unsaved // _AT_ONCE :])
            unsaved, saved = start + _AT_ONCE, time.monotonic()
    place = {keys[row]: number for number, row in enumerate(rows)}
    wanted = np.array([place.get(key, -1) for key in keys])
    return {layer: _of_layer(layer, done, wanted) for layer in files}


def _of_layer(layer: str, done: Sequence[LayerFeatures], wanted: NDArray[np.int64]) -> Rows:
    """Rows of one layer, each taken from its place in what was computed; -1 for none."""
    values, reasons = _joined(layer, done)
    known = wanted >= 0
    taken = np.where(known[:, None], values[np.maximum(wanted, 0)], np.float32(np.nan))
    return Rows(taken, {row: reasons[each] for row, each in enumerate(wanted.tolist()) if each in reasons}, known)


def _joined(layer: str, done: Sequence[LayerFeatures]) -> tuple[NDArray[np.float32], dict[int, str]]:
    """Rows of one layer from several batches, and the reasons; a batch of refused materials alone has no columns."""
    parts = [each.layers[layer] for each in done]
    width = max(part.shape[1] for part in parts)
    starts = np.cumsum([0, *map(len, parts)]).tolist()
    reasons = {
        start + row: text for start, each in zip(starts, done, strict=False) for row, text in each.refused.items()
    }
    return np.concatenate([widened(part, width) for part in parts]), reasons


def _save(files: Mapping[str, RowFile], keys: Sequence[bytes], done: Sequence[LayerFeatures]) -> None:
    try:
        for layer, file in files.items():
            file.add(keys, *_joined(layer, done))
    except OSError as error:
        logger.warning("features cannot be saved (%s); they will be computed again next time", error)
