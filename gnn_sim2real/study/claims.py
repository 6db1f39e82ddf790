"""Claims on jobs: one small file per job being computed, so that several runs can share a folder without a server.

A claim only saves work. Records and models are named by what determines them and written atomically, so two processes
that compute the same job nevertheless end with one result.
"""

import contextlib
import json
import os
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HEARTBEAT = 20.0
"""Time between two signs of life [s]."""
PATIENCE = 120.0
"""A claim expires after this time without a sign of life [s]; at once if its process ran here and has ended."""


@dataclass(frozen=True)
class Claim:
    """A job being computed.

    Attributes:
        key: Key of the job.
        host: Name of the machine.
        process: ID of the process on this machine.
        since: Time of the claim [s since 1970].
    """

    key: str
    host: str
    process: int
    since: float


class Claims:
    """The claims of a folder.

    Args:
        folder: Folder of the files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._held: set[Path] = set()
        self._beating: threading.Thread | None = None

    @contextmanager
    def hold(self, key: str) -> Iterator[bool]:
        """Claim a job for as long as the block runs.

        Args:
            key: Key of the job.

        Yields:
            Whether it could be claimed; False if another process has it.
        """
        path = self.folder / f"{key}.json"
        held = self._acquire(path)
        if held:
            self._held.add(path)
            self._start_heartbeat()
        try:
            yield held
        finally:
            if held:
                self._held.discard(path)
                path.unlink(missing_ok=True)

    def running(self) -> list[Claim]:
        """Claims of processes that show signs of life."""
        now = self._now()
        claims = [(path, self._read(path)) for path in self.folder.glob("*.json")]
        return [claim for path, claim in claims if claim is not None and not self._is_dead(path, claim, now)]

    def _acquire(self, path: Path) -> bool:
        self.folder.mkdir(parents=True, exist_ok=True)
        if path.exists() and not self._clear(path):
            return False
        content = json.dumps({"host": socket.gethostname(), "process": os.getpid(), "since": time.time()})
        try:
            with path.open("x") as file:  # exclusive creation is atomic, on network file systems as well
                file.write(content)
        except FileExistsError:
            return False
        return True

    def _clear(self, path: Path) -> bool:
        """Remove a claim whose process has ended; if several processes try, only one can rename it."""
        claim = self._read(path)
        if not self._is_dead(path, claim, self._now()):
            return False
        grave = path.with_suffix(f".{uuid.uuid4().hex}.dead")
        try:
            path.rename(grave)
        except FileNotFoundError:
            return False
        was_dead = self._read(grave, path.stem) == claim
        if not was_dead:  # another process was faster, and this is its new claim
            with contextlib.suppress(OSError):
                path.hardlink_to(grave)
        grave.unlink(missing_ok=True)
        return was_dead

    def _read(self, path: Path, key: str | None = None) -> Claim | None:
        """A claim; None if it is gone or incomplete."""
        try:
            return Claim(key or path.stem, **json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def _is_dead(self, path: Path, claim: Claim | None, now: float) -> bool:
        try:
            silent = now - path.stat().st_mtime
        except OSError:
            return False  # released a moment ago; the next check sees it
        if claim is not None and claim.host == socket.gethostname() and not _is_running(claim.process):
            return True
        return silent > PATIENCE

    def _now(self) -> float:
        """Time of the file system, since the clocks of machines differ."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self.folder, prefix=".clock-") as probe:
            return os.fstat(probe.fileno()).st_mtime

    def _start_heartbeat(self) -> None:
        if self._beating is None:
            self._beating = threading.Thread(target=self._beat, daemon=True)
            self._beating.start()

    def _beat(self) -> None:
        while True:
            time.sleep(HEARTBEAT)
            for path in list(self._held):
                try:
                    os.utime(path)
                except OSError:
                    continue  # released, or the file system is briefly unavailable


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
