"""Hashed identities of the materials that models have seen, in files that models of one source share."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.files import write_atomically

FOLDER = "identities"
_SUFFIX = ".safetensors"


def identities_path(library: Path, name: str) -> Path:
    """Where the identities of this hash are.

    Args:
        library: The library's folder.
        name: The hash.
    """
    return library / FOLDER / f"{name}{_SUFFIX}"


def keep_identities(library: Path, identities: Iterable[str]) -> str:
    """Write hashed identities, unless they are there.

    Args:
        library: The library's folder.
        identities: From `featurize.identity.identity_hash`, 16 hexadecimal digits each.

    Returns:
        The hash they are found by.
    """
    from safetensors.numpy import save

    numbers = np.array(sorted({int(each, 16) for each in identities}), "<u8")
    content = save({"identities": numbers})
    name = hash_identities(content)
    path = identities_path(library, name)
    if not path.exists():
        write_atomically(path, content)
    return name


def hash_identities(content: bytes) -> str:
    """The hash that a file of identities is named by.

    Args:
        content: Of the file.
    """
    return hashlib.sha256(content).hexdigest()[:32]


def read_identities(library: Path, name: str) -> frozenset[str]:
    """Read hashed identities.

    Args:
        library: The library's folder.
        name: Their hash.

    Raises:
        CheckpointError: If they are not there, or were altered.
    """
    from safetensors.numpy import load

    path = identities_path(library, name)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path} is missing: get the library's {FOLDER} again") from error
    if hash_identities(content) != name:
        raise CheckpointError(f"{path} was altered or is damaged: its content has another hash; get it again")
    return frozenset(f"{number:016x}" for number in load(content)["identities"].tolist())
