"""Claims on jobs: one small file per job being computed, so that several runs can share a folder without a server.

A claim only saves work. Records and models are named by what determines them and written atomically, so two processes
that compute the same job nevertheless end with one result.
"""

import contextlib
import json
import logging
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

import psutil

logger = logging.getLogger(__name__)

HEARTBEAT = 20.0
"""Time between two signs of life [s]."""
PATIENCE = 120.0
"""A claim expires after this time without a sign of life [s]; at once if its process ran here and has ended."""

_TOLERANCE = 60.0
"""A process that began this much later than a claim [s] did not make it; clocks are corrected by less."""


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

    def sweep(self) -> None:
        """Remove what killed processes left: claims of those that ran here, and files that were needed for a moment."""
        now = self._now()
        for path in self.folder.glob("*.json"):
            self._clear(path)
        for path in (*self.folder.glob("*.dead"), *self.folder.glob(".clock-*")):
            with contextlib.suppress(OSError):  # another process sweeps as well
                if abs(now - path.stat().st_mtime) > PATIENCE:
                    path.unlink()

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
        if was_dead and claim is None:
            logger.warning("the claim %s is empty or damaged; it is removed, and its job computed here", path)
        if not was_dead:  # another process was faster, and this is its new claim
            with contextlib.suppress(OSError):
                path.hardlink_to(grave)
        grave.unlink(missing_ok=True)
        return was_dead

    def _read(self, path: Path, key: str | None = None) -> Claim | None:
        """A claim; None if it is gone or incomplete."""
        try:
            claim = Claim(key or path.stem, **json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        wanted = ((claim.host, str), (claim.process, int), (claim.since, (int, float)))
        return claim if all(isinstance(value, kind) for value, kind in wanted) else None

    def _is_dead(self, path: Path, claim: Claim | None, now: float) -> bool:
        try:
            silent = now - path.stat().st_mtime
        except OSError:
            return False  # released a moment ago; the next check sees it
        if claim is not None and claim.host == socket.gethostname() and not _is_running(claim):
            return True
        # A sign of life from the future is of a clock that was wrong: who lives has given one by the right clock since.
        return abs(silent) > PATIENCE

    def _now(self) -> float:
        """Time of the file system, since the clocks of machines differ; of this machine where it is read only."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self.folder, prefix=".clock-") as probe:
                return os.fstat(probe.fileno()).st_mtime
        except OSError:
            return time.time()

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


def _is_running(claim: Claim) -> bool:
    """Whether the process of a claim runs on this machine, and is not a later one that got its number."""
    try:
        process = psutil.Process(claim.process)
        return bool(process.status() != psutil.STATUS_ZOMBIE and process.create_time() < claim.since + _TOLERANCE)
    except (psutil.NoSuchProcess, ValueError, OverflowError):  # of a number that no process can have
        return False
    except psutil.AccessDenied:
        return True
