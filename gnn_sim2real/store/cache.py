"""Graphs that are made once: built by several processes, saved in the user's cache, found again by their content.

The file is named by its content (materials, featurizer, settings, version), so a changed setting can never read old
graphs. It appears under its name only when it is complete.
"""

import hashlib
import json
import logging
import multiprocessing
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

from gnn_sim2real.console import track
from gnn_sim2real.errors import CacheDamagedError
from gnn_sim2real.files import default_cache_folder
from gnn_sim2real.graph import Graph
from gnn_sim2real.store.graphs import STORE_FORMAT, GraphStore, write_joined

logger = logging.getLogger(__name__)

PART_SIZE = 2048
"""Number of materials that one process turns into graphs at a time."""

_STALE = 24 * 3600
"""Parts older than this [s] were left behind by a killed build."""

_NOT_SAVED = "the graphs could not be saved to %s (%s); they will be made again next time"

Featurize = Callable[[Any], Graph]


def content_key(materials: Sequence[Any], featurizer: dict[str, object]) -> str:
    """Name of the store of these materials: 32 hexadecimal digits.

    Args:
        materials: Spelling of each material in order, or a sequence with a `content_hash`.
        featurizer: Plain description of how they become graphs, including the version.
    """
    digest = hashlib.sha256(json.dumps([STORE_FORMAT, featurizer], sort_keys=True).encode())
    content_hash = getattr(materials, "content_hash", None)
    for material in materials if content_hash is None else [content_hash]:
        digest.update(material.encode() + b"\0")
    return digest.hexdigest()[:32]


def open_or_build(
    materials: Sequence[Any],
    featurize: Featurize,
    featurizer: dict[str, object],
    folder: Path | None = None,
) -> GraphStore:
    """Open the graphs of these materials from the cache, or make them and save them there.

    Several processes may do so at once; each then makes them, and the files are the same.

    Args:
        materials: The materials, in order; more than `PART_SIZE` of them are sent to other processes in slices.
        featurize: Makes the graph of one material.
        featurizer: Plain description of `featurize`, including its version; part of the file's name.
        folder: Folder of the stores; the user's cache folder unless given.

    Returns:
        The graphs, numbered as the materials. Its `refused` lists those that `featurize` refuses.

    Raises:
        ValueError: If it refuses all of them.
    """
    folder = folder or default_cache_folder() / "graphs"
    path = folder / f"{content_key(materials, featurizer)}.safetensors"
    if path.exists():
        try:
            return GraphStore.open(path)
        except CacheDamagedError as error:
            logger.warning("%s; rebuilding it", error)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_stale(folder)
        with tempfile.TemporaryDirectory(dir=folder, prefix=f".{path.stem}.") as parts:
            _build(materials, featurize, path, Path(parts))
        return GraphStore.open(path)
    except OSError as error:
        logger.warning(_NOT_SAVED, path, error)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as parts:  # Windows cannot delete mapped files
        whole = Path(parts) / "whole.safetensors"
        _build(materials, featurize, whole, Path(parts))
        return GraphStore.open(whole)


def open_or_join(stores: Sequence[GraphStore], folder: Path | None = None) -> GraphStore:
    """The graphs of several stores in one, from the cache, or joined and saved there.

    Args:
        stores: Stores of the same kind of graphs.
        folder: Folder of the stores; the user's cache folder unless given.

    Returns:
        The graphs of all stores, one after the other.
    """
    folder = folder or default_cache_folder() / "graphs"
    digest = hashlib.sha256(STORE_FORMAT.encode())
    for store in stores:
        digest.update(store.content_hash.encode())
    path = folder / f"{digest.hexdigest()[:32]}.safetensors"
    first = np.cumsum([0, *(store.num_graphs for store in stores)])
    rows = np.concatenate([store.graph_rows + start for store, start in zip(stores, first, strict=False)])
    if path.exists():
        try:
            return GraphStore(GraphStore.open(path).tensors, rows)
        except CacheDamagedError as error:
            logger.warning("%s; rebuilding it", error)
    tensors = [store.tensors for store in stores]
    try:
        write_joined(path, tensors, own_name=path.stem)
        return GraphStore(GraphStore.open(path).tensors, rows)
    except OSError as error:
        logger.warning(_NOT_SAVED, path, error)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as other:  # Windows cannot delete mapped files
        whole = Path(other) / "whole.safetensors"
        write_joined(whole, tensors, own_name=whole.stem)
        return GraphStore(GraphStore.open(whole).tensors, rows)


def _build(materials: Sequence[Any], featurize: Featurize, path: Path, parts: Path) -> None:
    """Make all graphs part by part, and join the parts into one file."""
    if not len(materials):
        raise ValueError("there are no materials to make graphs of")
    starts = range(0, len(materials), PART_SIZE)
    refused: dict[int, str] = {}
    if len(starts) == 1:
        refused = _build_part(materials, featurize, parts / "0", watched=True)
    else:
        from joblib.externals.loky import cpu_count, get_reusable_executor

        # Not joblib's `Parallel`: it would warn of a leaked folder where this process, itself a worker, ends.
        workers = get_reusable_executor(min(cpu_count(), len(starts)), env={"OMP_NUM_THREADS": "1"})
        slices = (materials[start : start + PART_SIZE] for start in starts)
        try:
            done = workers.map(_build_part, slices, repeat(featurize), (parts / str(start) for start in starts))
            for start, some in zip(starts, track(done, "Making graphs", len(starts)), strict=True):
                refused |= {start + row: reason for row, reason in some.items()}
        except BaseException:
            workers.shutdown(kill_workers=True)
            raise
        if multiprocessing.parent_process() is not None:
            workers.shutdown()  # else this process would end only when they have been idle for a while
    made = [GraphStore.open(part).tensors for start in starts if (part := parts / str(start)).exists()]
    if not made:
        raise ValueError(f"none of the {len(materials)} materials can become a graph; the first: {refused[0]}")
    write_joined(path, made, refused, path.stem)


def _build_part(materials: Sequence[Any], featurize: Featurize, path: Path, watched: bool = False) -> dict[int, str]:
    """Write the graphs of some materials, if there are any; returns the reasons of refused ones."""
    graphs, refused = [], {}
    rows = range(len(materials))
    for row in track(rows, "Making graphs") if watched else rows:
        try:
            graphs.append(featurize(materials[row]))
        except ValueError as error:
            refused[row] = str(error)
    if graphs:
        GraphStore.from_graphs(graphs).save(path)
    return refused


def _remove_stale(folder: Path) -> None:
    """Remove parts left behind by killed builds."""
    for left in folder.glob(".*/"):
        if time.time() - left.stat().st_mtime > _STALE:
            shutil.rmtree(left, ignore_errors=True)
