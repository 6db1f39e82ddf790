"""Remote libraries: any folder that fsspec can open, such as another disk, S3, or a repository on Hugging Face."""

import logging
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import Any

from gnn_sim2real.console import track
from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.files import is_disk_full
from gnn_sim2real.library.archive import MAX_FILE_SIZE, add_models
from gnn_sim2real.library.card import CARD_FILE, Card, read_card
from gnn_sim2real.library.content import MAX_SIZES, MODEL_FILES, is_key
from gnn_sim2real.library.folder import ModelLibrary
from gnn_sim2real.library.hub import commit_files
from gnn_sim2real.library.identities import FOLDER, identities_path

logger = logging.getLogger(__name__)

_FILES_A_COMMIT = 200
_SILENCE = 60.0
"""A server over http that says nothing for so long [s] is given up."""
_REQUEST = 600.0
"""Longest time of one request over http [s]."""
_LARGEST_LIST = 2**24
"""Longer lists of a folder over http are refused [bytes]: some 100,000 models."""
_LONGEST_REASON = 300
"""Of what a server or file system says, so many characters are shown."""
_SLOWEST = 1000
"""A file that comes with fewer bytes per second, after the time of a silence, is given up."""


class _RefusedError(ValueError):
    """A file is not what was announced; others may be."""


class _UnusableError(ValueError):
    """A server does what would happen with every file, such as leading to another server."""


class RemoteLibrary:
    """A library at a URL, laid out like one on disk.

    Args:
        url: Address for fsspec: a path, `s3://bucket/folder`, `hf://user/repository`, `memory://folder` ...

    Raises:
        ValueError: If the file system of the URL is not installed.
    """

    def __init__(self, url: str) -> None:
        from fsspec.core import url_to_fs

        if not url.strip():
            raise ValueError("the address of a library is empty; give a folder, or a URL that fsspec opens")
        try:
            self._system, root = url_to_fs(url, **_settings(url))
        except (ImportError, ValueError, OSError) as error:
            hint = "; pip install 'gnn-sim2real[hub]'" if url.startswith("hf://") else ""
            raise ValueError(f"{url} cannot be opened ({error}){hint}") from error
        self.url, self._root = url, str(root).rstrip("/")
        self._on_hub = url.startswith("hf://")

    def push(self, library: ModelLibrary, keys: Iterable[str]) -> list[str]:
        """Upload models, and the identities of the materials they have seen; files that are there already are skipped.

        The card is uploaded last, so a model without a card is known to be unfinished.

        Args:
            library: Library of the models.
            keys: Keys of the models.

        Returns:
            Keys of the models with an uploaded file.

        Raises:
            CheckpointError: If a model is damaged; it is not uploaded.
        """
        sizes, sent = self._sizes(), []
        files_at_once = _FILES_A_COMMIT if self._on_hub else 1
        waiting: dict[str, Path] = {}
        for key in track(sorted(keys), "Uploading models"):
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
        """Download models that the local library does not have. Every hash is checked.

        A model that is refused is named, and does not keep the others from coming; a server that cannot be reached, or
        is too slow, ends it.

        Args:
            library: Local library.
            wanted: Which of them to download, by their cards.

        Returns:
            Keys of the downloaded models.

        Raises:
            CheckpointError: If models are damaged, incomplete or far too large; the others were added.
            ValueError: If there is no library, or it cannot be reached any more; models before that stay.
        """
        came: list[str] = []
        refused: dict[str, str] = {}
        sizes = self._sizes()
        there = {name.partition("/")[0] for name in sizes if name.endswith(f"/{CARD_FILE}")}
        keys = sorted(key for key in there if is_key(key))
        if not keys:
            raise ValueError(f"there is no model at {self.url}")
        have = set(library.keys())
        library.folder.mkdir(parents=True, exist_ok=True)
        for key in track([key for key in keys if key not in have], "Downloading models"):
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
                ModelLibrary(staging).verify_model(key, strict=True)
                came += add_models(library, staging)[0]
            except (_RefusedError, CheckpointError) as error:
                refused[key] = str(error)
                logger.warning("the model %s is refused: %s", key, error)
            finally:
                rmtree(staging, ignore_errors=True)
        if refused:
            key, reason = next(iter(refused.items()))
            raise CheckpointError(
                f"{len(refused)} models of {self.url} are refused, the first {key}: {reason}. {len(came)} others were "
                "added"
            )
        return came

    def _send(self, files: Mapping[str, Path]) -> None:
        """Upload files, in their order."""
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
        """Download one file, no more than was announced."""
        target = folder / name
        if target.exists():
            return
        size = sizes.get(name, -1)
        most = min(MAX_FILE_SIZE, MAX_SIZES.get(name.partition("/")[2], MAX_FILE_SIZE))
        if size is not None and not 0 <= size <= most:
            raise _RefusedError(f"{name} is missing at {self.url}, or far too large: {size} bytes")
        target.parent.mkdir(exist_ok=True)
        watched = _watched(f"{name} at {self.url}", most if size is None else size)
        try:
            with self._reached():
                self._system.get_file(f"{self._root}/{name}", str(target), callback=watched)
        except FileNotFoundError as error:
            raise _RefusedError(f"{name} is missing at {self.url}: the library there is not complete") from error
        came = target.stat().st_size
        if came > most or size not in (None, came):
            raise _RefusedError(f"{name} at {self.url} has {size} bytes, but {came} came; run the same command again")

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Turn the errors of file systems, which each have their own, into one kind with one message.

        Raises:
            FileNotFoundError: If a file is missing.
            ValueError: If anything else fails, such as the network.
        """
        try:
            yield
        except (FileNotFoundError, _RefusedError, _UnusableError):
            raise
        except TimeoutError as error:
            raise ValueError(
                f"{self.url} did not answer in time ({_SILENCE:g} s of silence, or {_REQUEST:g} s for one request); "
                "run the same command again to resume"
            ) from error
        except Exception as error:
            if is_disk_full(error):
                raise
            reason = " ".join(str(error).split()) or type(error).__name__
            reason = reason if len(reason) <= _LONGEST_REASON else f"{reason[:_LONGEST_REASON]} ..."
            raise ValueError(
                f"{self.url} could not be read or written ({reason}); run the same command again to resume"
            ) from error

    def _sizes(self) -> dict[str, Any]:
        """Size of each remote file, None if unknown, by its path below the folder; requested once."""
        self._system.invalidate_cache()
        try:
            with self._reached():
                # `find` leaves out what it cannot reach; then `ls` says why.
                limits = {"maxdepth": 2, "timeout": _REQUEST} if _is_web(self.url) else {}
                found = self._system.find(self._root, detail=True, **limits)
                if not found:  # it leaves out what it cannot reach, and `ls` says why
                    self._system.ls(self._root, detail=False)
        except FileNotFoundError:
            return {}
        start = self._root.lstrip("/") + "/"
        names = {name.lstrip("/"): entry.get("size") for name, entry in found.items()}
        return {
            name.removeprefix(start): size if isinstance(size, int) else None
            for name, size in names.items()
            if name.startswith(start)
        }


def _settings(url: str) -> dict[str, Any]:
    """Settings of the file system that keep a server from holding the program, filling it, or sending it elsewhere."""
    if not _is_web(url):
        return {}
    from aiohttp import ClientResponse, ClientTimeout, TraceConfig
    from yarl import URL

    class Answer(ClientResponse):
        """An answer that is read whole, such as the list of a folder."""

        async def read(self) -> bytes:
            if self._body is None:
                found = bytearray()
                async for piece in self.content.iter_any():
                    found += piece
                    if len(found) > _LARGEST_LIST:
                        self.close()
                        raise _UnusableError(f"the list of {self.url} is longer than {_LARGEST_LIST:,} bytes")
                self._body = bytes(found)
            return self._body

    async def refuse_others(_: Any, __: Any, step: Any) -> None:
        old, new = step.url, step.url.join(URL(step.response.headers.get("Location", "")))
        to_safety = (old.scheme, new.scheme) == ("http", "https") and old.host == new.host
        if not to_safety and (old.scheme, old.host, old.port) != (new.scheme, new.host, new.port):
            raise _UnusableError(
                f"{old} leads to another server, {str(new)[:_LONGEST_REASON]}; if that is the library that you mean, "
                "give its address"
            )

    watch = TraceConfig()
    watch.on_request_redirect.append(refuse_others)
    client = {
        "timeout": ClientTimeout(total=_REQUEST, sock_connect=_SILENCE, sock_read=_SILENCE),
        "headers": {"Accept-Encoding": "identity"},  # and nothing is unpacked: little may become very much
        "auto_decompress": False,
        "response_class": Answer,
        "trace_configs": [watch],
    }
    return {"client_kwargs": client}


def _is_web(url: str) -> bool:
    return url.startswith(("http://", "https://"))


def _watched(name: str, most: int) -> Any:
    """What a file system tells while it downloads a file, so that no more comes than was announced.

    Args:
        name: Name of the file, for messages.
        most: Its size [bytes].
    """
    from fsspec.callbacks import Callback

    started = time.monotonic()

    def look(size: int | None, value: int, **_: Any) -> None:
        if value > most:
            raise _RefusedError(f"{name} is longer than the {most:,} bytes that were announced; nothing more is read")
        if time.monotonic() - started > _SILENCE + value / _SLOWEST:
            raise _UnusableError(f"{name} comes too slowly, {value:,} bytes so far; try again later")

    return Callback(hooks={"look": look})
