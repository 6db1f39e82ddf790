"""Failed jobs, one file per job: a failure stops no other job, and is computed again on request."""

import json
import traceback
from pathlib import Path
from typing import Any

from gnn_sim2real.files import write_json
from gnn_sim2real.records.record import provenance


class Failures:
    """The failures of a folder.

    Args:
        folder: Folder of the files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(
        self, key: str, what: str, error: BaseException | str, config: dict[str, Any] | None, seconds: float
    ) -> Path:
        """Save a failure.

        Args:
            key: Key of the job.
            what: Description of the job.
            error: The exception, or a description of what happened.
            config: Resolved configuration; None if unknown.
            seconds: Time until the failure [s].

        Returns:
            Path of the file.
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
        """Job and error in one line."""
        try:
            content = json.loads((self.folder / f"{key}.json").read_text())
            return f"{content['what']}: {content['error']}"
        except (OSError, ValueError, KeyError, TypeError):
            return f"{key}: its file cannot be read"

    def forget(self, key: str) -> None:
        """Remove a failure, since the job succeeded or is computed again."""
        (self.folder / f"{key}.json").unlink(missing_ok=True)
