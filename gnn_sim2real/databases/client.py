"""Requests over an unreliable network: time-outs, retries with back-off, rate limits, and the server's own errors."""

import json
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import orjson
import requests

from gnn_sim2real import __version__
from gnn_sim2real.errors import DownloadError

logger = logging.getLogger(__name__)

_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_WAIT = 900.0
"""Longest pause [s] that a server may ask for; longer ones are refused."""

_CHUNK = 2**16


class _AnswerError(Exception):
    """An unusable answer, and how long the server asks to wait [s]."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass
class Client:
    """Requests JSON from a server.

    Args:
        attempts: Total number of attempts per request.
        timeout: Longest silence of the server [s].
        deadline: Longest total time for one answer [s], however steadily it arrives.
        pause: Shortest time between two requests [s].
        first_wait: Wait before the second attempt [s]; it doubles with each, up to a minute, give or take a quarter.
        headers: Headers sent with every request.
        sleep: Function that waits; replaced in tests.
    """

    attempts: int = 8
    timeout: float = 60.0
    deadline: float = 600.0
    pause: float = 0.0
    first_wait: float = 1.0
    headers: dict[str, str] = field(default_factory=dict)
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        self._session = requests.Session()
        self._session.headers["User-Agent"] = f"gnn-sim2real/{__version__} (python-requests)"
        self._session.headers.update(self.headers)
        self._last = -float("inf")

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def get_json(self, url: str, check: Callable[[dict[str, Any]], str | None] | None = None) -> dict[str, Any]:
        """Request a JSON object; errors that may be temporary are retried.

        Args:
            url: The address.
            check: Returns what is wrong with the content, or None; wrong content is requested again.

        Raises:
            DownloadError: If the server refuses, or no attempt gave a complete answer.
        """
        reason = ""
        for attempt in range(self.attempts):
            try:
                content = self._ask(url)
                if not (complaint := check and check(content)):
                    return content
                reason, asked_wait = complaint, None
            except _AnswerError as error:
                reason, asked_wait = str(error), error.wait
            if attempt + 1 < self.attempts:
                wait = self._wait(attempt, asked_wait, url)
                logger.info("%s: %s; trying again in %.0f s", url, reason, wait)
                self.sleep(wait)
        raise DownloadError(f"{url} gave no usable answer in {self.attempts} attempts; the last error was {reason}")

    def _wait(self, attempt: int, asked: float | None, url: str) -> float:
        if asked is not None and asked > _LONGEST_WAIT:
            raise DownloadError(f"{url}: the server asks to wait {asked:.0f} s; run the same command again after that")
        backed_off = min(self.first_wait * 2**attempt, 60.0) * random.uniform(0.75, 1.25)  # noqa: S311 (no secret)
        return float(max(backed_off, asked or 0.0))

    def _ask(self, url: str) -> dict[str, Any]:
        """One attempt."""
        self.sleep(max(0.0, self._last + self.pause - time.monotonic()))
        self._last = time.monotonic()
        try:
            with self._session.get(url, timeout=self.timeout, stream=True) as answer:
                body = self._read(answer)
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            raise _AnswerError(f"an incomplete answer ({type(error).__name__})") from error
        except (requests.exceptions.ContentDecodingError, requests.exceptions.TooManyRedirects) as error:
            raise _AnswerError(f"an unreadable answer ({type(error).__name__})") from error
        except requests.RequestException as error:  # a malformed address and the like
            raise DownloadError(f"{url} cannot be requested: {error}") from error
        if answer.status_code in _TRY_AGAIN:
            raise _AnswerError(format_error(answer.status_code, body), _asked_wait(answer.headers.get("Retry-After")))
        if not answer.ok:
            raise DownloadError(f"{url}: the server answers {format_error(answer.status_code, body)}")
        try:
            content = _parse(body)
        except ValueError as error:
            raise _AnswerError(f"an answer that is not JSON; it begins {_beginning(body)!r}") from error
        if not isinstance(content, dict):
            raise _AnswerError(f"an answer that is not a JSON object but a {type(content).__name__}")
        return content

    def _read(self, answer: requests.Response) -> bytes:
        pieces = []
        for piece in answer.iter_content(_CHUNK):
            pieces.append(piece)
            if time.monotonic() - self._last > self.deadline:
                raise _AnswerError(f"an answer that is incomplete after {self.deadline:.0f} s")
        return b"".join(pieces)


def format_error(status: int, body: bytes) -> str:
    """The server's own error message, unpacked if it is JSON:API.

    Args:
        status: HTTP status code.
        body: Content of the answer.
    """
    try:
        content = _parse(body)
    except ValueError:
        content = None
    found = content if isinstance(content, dict) else {}
    errors = found.get("errors") or found.get("error") or found.get("detail") or found.get("message") or []
    messages = [_format(each) for each in (errors if isinstance(errors, list) else [errors])]
    text = "; ".join(each for each in messages if each)
    return f"{status}: {text}" if text else f"{status} {_beginning(body)!r}" if body else f"{status}"


def _parse(body: bytes) -> Any:
    """Content of a JSON; NaN and Infinity are not valid JSON, but some servers send them."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return json.loads(body)


def _format(error: Any) -> str:
    if not isinstance(error, dict):
        return str(error)
    return ": ".join(str(error[name]) for name in ("title", "detail", "msg", "message") if error.get(name))


def _beginning(body: bytes) -> str:
    return " ".join(body[:200].decode(errors="replace").split())


def _asked_wait(text: str | None) -> float | None:
    """Seconds of a Retry-After header, which is a number or a date."""
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError):
        return None
