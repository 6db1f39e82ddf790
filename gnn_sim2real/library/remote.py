"""Libraries elsewhere: any folder that fsspec reaches, such as another disk, S3, or a repository of Hugging Face."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import Any

from gnn_sim2real.console import track
from gnn_sim2real.library.archive import MAX_FILE_SIZE, take_models
from gnn_sim2real.library.card import CARD_FILE, Card, read_card
from gnn_sim2real.library.content import MODEL_FILES, is_key
from gnn_sim2real.library.folder import ModelLibrary
from gnn_sim2real.library.hub import commit_files
from gnn_sim2real.library.identities import FOLDER, identities_path

_FILES_A_COMMIT = 200


class RemoteLibrary:
    """The folder of a library at an address, laid out like one on disk.

    Args:
        url: What fsspec opens: a path, `s3://bucket/folder`, `hf://user/repository`, `memory://folder` ...

    Raises:
        ValueError: If no such file system is installed.
    """

    def __init__(self, url: str) -> None:
        from fsspec.core import url_to_fs

        try:
            self._system, root = url_to_fs(url)
        except (ImportError, ValueError) as error:
            hint = "; pip install 'gnn-sim2real[hub]'" if url.startswith("hf://") else ""
            raise ValueError(f"{url} cannot be opened ({error}){hint}") from error
        self.url, self._root = url, str(root).rstrip("/")
        self._on_hub = url.startswith("hf://")

    def push(self, library: ModelLibrary, keys: Iterable[str]) -> list[str]:
        """Copy models there, and the identities of what they have seen; what is there already is not sent again.

        A card is sent last, so that a model without one is known to be unfinished.

        Args:
            library: Where the models are.
            keys: Of the models.

        Returns:
            Keys of the models of which something was sent.

        Raises:
            CheckpointError: If a model is damaged; it is not sent.
        """
        sizes, sent = self._sizes(), []
        files_at_once = _FILES_A_COMMIT if self._on_hub else 1
        waiting: dict[str, Path] = {}
        for key in track(sorted(keys), "Sending models"):
            library.verify_model(key, strict=True)
            files = {f"{key}/{name}": library.folder / key / name for name in reversed(MODEL_FILES)}
            if name := library.card(key).identities:
                file = identities_path(library.folder, name)
                files = {f"{FOLDER}/{file.name}": file} | files
            missing = {name: file for name, file in files.items() if sizes.get(name) != file.stat().st_size}
            sizes |= {name: file.stat().st_size for name, file in missing.items()}
            sent += [key] if missing else []
            waiting |= missing
            if len(waiting) >= files_at_once:
                self._send(waiting)
                waiting = {}
        self._send(waiting)
        return sent

    def pull(self, library: ModelLibrary, wanted: Callable[[Card], bool] = lambda card: True) -> list[str]:
        """Copy models from there; those that are here are not fetched again. Every hash is checked.

        Args:
            library: Where to.
            wanted: Which of them, by their cards.

        Returns:
            Keys of the models that came.

        Raises:
            ValueError: If there is no library, or a model there is damaged or far too large; those before it stay.
        """
        sizes, came = self._sizes(), []
        there = {name.partition("/")[0] for name in sizes if name.endswith(f"/{CARD_FILE}")}
        keys = sorted(key for key in there if is_key(key))
        if not keys:
            raise ValueError(f"there is no model at {self.url}")
        have = set(library.keys())
        library.folder.mkdir(parents=True, exist_ok=True)
        for key in track([key for key in keys if key not in have], "Fetching models"):
            staging = Path(tempfile.mkdtemp(dir=library.folder, prefix=".fetching_"))
            try:
                self._fetch(f"{key}/{CARD_FILE}", staging, sizes)
                content = read_card(staging / key)
                if not wanted(Card.of_content(key, content)):
                    continue
                for name in MODEL_FILES:
                    self._fetch(f"{key}/{name}", staging, sizes)
                if content["identities"]:
                    name = f"{FOLDER}/{identities_path(library.folder, content['identities']).name}"
                    self._fetch(name, staging, sizes)
                came += take_models(library, staging)[0]
            finally:
                rmtree(staging, ignore_errors=True)
        return came

    def _send(self, files: Mapping[str, Path]) -> None:
        """Copy files there, in their order."""
        if not files:
            return
        with self._reached():
            if self._on_hub:
                commit_files(self._system, self._root, files)
                return
            for name, file in files.items():
                target = f"{self._root}/{name}"
                self._system.makedirs(target.rpartition("/")[0], exist_ok=True)
                self._system.put_file(str(file), target)

    def _fetch(self, name: str, folder: Path, sizes: dict[str, Any]) -> None:
        """Copy one file; its size is looked at first."""
        target = folder / name
        if target.exists():
            return
        if not 0 <= sizes.get(name, -1) <= MAX_FILE_SIZE:
            raise ValueError(f"{self.url} lacks {name}, or it is far too large: {sizes.get(name)} bytes")
        target.parent.mkdir(exist_ok=True)
        with self._reached():
            self._system.get_file(f"{self._root}/{name}", str(target))

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Say in a sentence what a file system could not do: each has exceptions of its own, a broken network as well.

        Raises:
            FileNotFoundError: If something is not there.
            ValueError: If anything else is wrong.
        """
        try:
            yield
        except FileNotFoundError:
            raise
        except Exception as error:
            raise ValueError(
                f"{self.url} could not be read or written ({error}); what was copied stays, the same command goes on"
            ) from error

    def _sizes(self) -> dict[str, Any]:
        """Size of each file there, by its path below the folder; asked for once."""
        self._system.invalidate_cache()
        try:
            with self._reached():
                found = self._system.find(self._root, detail=True)
        except FileNotFoundError:
            return {}
        root = self._root.lstrip("/")
        return {name.lstrip("/")[len(root) :].lstrip("/"): entry["size"] for name, entry in found.items()}
