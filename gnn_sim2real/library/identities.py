"""Hashed identities of the materials that models have seen, in files shared by the models of one source."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.files import write_atomically

FOLDER = "identities"
_SUFFIX = ".safetensors"


def identities_path(library: Path, name: str) -> Path:
    """The file of identities with this hash.

    Args:
        library: Folder of the library.
        name: The hash.
    """
    return library / FOLDER / f"{name}{_SUFFIX}"


def save_identities(library: Path, identities: Iterable[str]) -> str:
    """Write hashed identities, unless they exist already.

    Args:
        library: Folder of the library.
        identities: From `featurize.identity.identity_hash`, 16 hexadecimal digits each.

    Returns:
        The hash that names their file.
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
    """The hash that names a file of identities.

    Args:
        content: Content of the file.
    """
    return hashlib.sha256(content).hexdigest()[:32]


def read_identities(library: Path, name: str) -> frozenset[str]:
    """Read hashed identities.

    Args:
        library: Folder of the library.
        name: Their hash.

    Raises:
        CheckpointError: If they are missing or damaged.
    """
    from safetensors.numpy import load

    path = identities_path(library, name)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path} is missing: download the folder {FOLDER} of the library again") from error
    if hash_identities(content) != name:
        raise CheckpointError(f"{path} was changed or is damaged: its hash differs from its name; download it again")
    return frozenset(f"{number:016x}" for number in load(content)["identities"].tolist())
