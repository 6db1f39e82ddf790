"""The files of a stored model, and the hash of their content that names it."""

import hashlib
import os
import re
from pathlib import Path

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.files import expand, once_while_unchanged
from gnn_sim2real.library.card import CARD_FILE, MAX_CARD_SIZE
from gnn_sim2real.library.starter import PREFIX, find_starter, is_address, starter_folder

WEIGHTS_FILE = "weights.safetensors"
DESCRIPTION_FILE = "model.json"
"""File beside the weights of a model outside libraries, and of library models of format 1."""
CONFIG_FILE = "config.yaml"
MODEL_FILES = (CARD_FILE, CONFIG_FILE, WEIGHTS_FILE)
"""The only files in the folder of a model; none of them can run code."""
MAX_SIZES = {CARD_FILE: MAX_CARD_SIZE, CONFIG_FILE: 2**24, WEIGHTS_FILE: 2**31}
"""Larger files are refused [bytes]: a model of this package has a few megabytes."""
_PIECE = 2**20
_KEY, _START = re.compile("[0-9a-f]{32}"), re.compile("[0-9a-f]{1,32}")
LIBRARY_VARIABLE = "GNN_SIM2REAL_LIBRARY"


def default_library() -> Path:
    """The folder `$GNN_SIM2REAL_LIBRARY`, or `runs/library` below the working folder."""
    return expand(os.environ.get(LIBRARY_VARIABLE) or "runs/library")


def find_library(folder: str | Path) -> Path:
    """The folder of a library: a path as it is, the starter library for `starter:`.

    Args:
        folder: Path of a library, or `starter:`.
    """
    return starter_folder() if str(folder) == PREFIX else expand(folder)


def find_model(path: Path) -> Path:
    """A path as it is; where nothing is there, the model of the default library whose key it is, or begins.

    Args:
        path: Path of a model, a key, or the address of a model of the starter library.

    Raises:
        CheckpointError: If several keys begin so, or the starter library has no such model.
    """
    if is_address(path.as_posix()):
        return find_starter(path.as_posix())
    if path.exists() or not _START.fullmatch(str(path)):
        return path
    found = sorted(each for each in default_library().glob(f"{path}*") if is_key(each.name))
    if len(found) > 1:
        raise CheckpointError(
            f"{len(found)} models of {default_library()} have keys that begin with {str(path)!r}; give more of the key"
        )
    return found[0] if found else path


def hash_model(folder: Path) -> str:
    """The key of a model, from its content; read once in a process as long as no file changes.

    Args:
        folder: Folder of the model.

    Raises:
        CheckpointError: If it has files that a model does not have.
    """
    names = {path.name for path in folder.iterdir()}
    if names != set(MODEL_FILES):
        odd = names ^ set(MODEL_FILES)
        raise CheckpointError(
            f"it must hold exactly {', '.join(MODEL_FILES)}; extra or missing: {', '.join(sorted(odd))}"
        )
    return once_while_unchanged("model", [folder / name for name in MODEL_FILES], lambda: _hash(folder))


def _hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for name in MODEL_FILES:
        with (folder / name).open("rb") as file:
            digest.update(f"{name} {os.fstat(file.fileno()).st_size}\n".encode())
            while piece := file.read(_PIECE):
                digest.update(piece)
    return digest.hexdigest()[:32]


def require_own_key(folder: Path) -> None:
    """Refuse a model of a library that is not the one that its folder is named by.

    Args:
        folder: Folder of the model.

    Raises:
        CheckpointError: If the hash of its content differs from its name.
    """
    name = folder.absolute().name
    if not is_key(name):
        raise CheckpointError(
            f"{folder} has the card of a model of a library, so its folder must have the key of the model as its name; "
            "copy the folder again under its own name, and it can be checked"
        )
    if hash_model(folder) != name:
        raise CheckpointError(
            f"the model in {folder} was changed or is damaged: the hash of its content differs from its name; train or "
            "download it again"
        )


def is_key(name: str) -> bool:
    """Whether a name is that of a model's folder."""
    return _KEY.fullmatch(name) is not None
