"""What went wrong, one file a job: it stops no other, and is tried again when asked for."""

import json
import traceback
from pathlib import Path
from typing import Any

from gnn_sim2real.files import write_json
from gnn_sim2real.records.record import provenance


class Failures:
    """The failures of a folder.

    Args:
        folder: Where the files are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(
        self, key: str, what: str, error: BaseException | str, config: dict[str, Any] | None, seconds: float
    ) -> Path:
        """Write a failure down.

        Args:
            key: Key of the job.
            what: The job in words.
            error: What was raised, or what happened in words.
            config: Resolved configuration, as far as it was known.
            seconds: Time after which it failed [s].

        Returns:
            The file.
        """
        content = {
            "what": what,
            "error": error if isinstance(error, str) else f"{type(error).__name__}: {error}",
            "traceback": [] if isinstance(error, str) else traceback.format_exception(error),
            "config": config,
            "provenance": provenance(seconds),
        }
        path = self.folder / f"{key}.json"
        write_json(path, json.loads(json.dumps(content, default=str)))
        return path

    def keys(self) -> set[str]:
        """Keys of the jobs that failed."""
        return {path.stem for path in self.folder.glob("*.json")}

    def sentence(self, key: str) -> str:
        """What happened, in one line."""
        try:
            content = json.loads((self.folder / f"{key}.json").read_text())
            return f"{content['what']}: {content['error']}"
        except (OSError, ValueError, KeyError):
            return f"{key}: its file cannot be read"

    def forget(self, key: str) -> None:
        """Remove a failure, since the job succeeded or is to be tried again."""
        (self.folder / f"{key}.json").unlink(missing_ok=True)
