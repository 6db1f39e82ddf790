"""Repositories of the Hugging Face Hub: many files go into one commit, since the Hub limits commits per hour."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def commit_files(system: Any, folder: str, files: Mapping[str, Path]) -> None:
    """Upload files in one commit, so that all of them arrive or none.

    Args:
        system: The `huggingface_hub.HfFileSystem` of the repository.
        folder: USER/REPOSITORY, or a folder in it, in the notation of `fsspec`.
        files: The files, by their paths below the folder.

    Raises:
        FileNotFoundError: If the repository does not exist, or the token may not see it.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    try:
        place = system.resolve_path(folder)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"there is no repository hf://{folder} that you may write to: create it on the Hub, and log in with `hf "
            "auth login` or HF_TOKEN"
        ) from error
    prefix = f"{place.path_in_repo}/" if place.path_in_repo else ""
    HfApi(endpoint=system.endpoint, token=system.token).create_commit(
        repo_id=place.repo_id,
        repo_type=place.repo_type,
        revision=place.revision,
        operations=[CommitOperationAdd(prefix + name, str(file)) for name, file in files.items()],
        commit_message=f"{len(files):,} files of a model library of gnn_sim2real",
    )
    system.invalidate_cache()
