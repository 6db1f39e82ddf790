"""Requests over an unreliable network to servers that nobody vouches for.

Time-outs, retries with back-off, rate limits, the server's own errors, and limits of time, size and redirects.
"""

import hashlib
import logging
import queue
import random
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode, urljoin, urlsplit

import requests
import urllib3

from gnn_sim2real import __version__
from gnn_sim2real.databases.passwords import censor, login_of, strip_login
from gnn_sim2real.databases.repeated import Repeated, parse_answer
from gnn_sim2real.errors import DownloadError
from gnn_sim2real.files import write_pieces_atomically

logger = logging.getLogger(__name__)

_Content = TypeVar("_Content")

_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_WAIT = 900.0
"""Longest pause [s] that a server may ask for; longer ones are refused."""

_CHUNK = 2**14
_MAX_REDIRECTS = 5


class _AnswerError(Exception):
    """An unusable answer, and how long the server asks to wait [s]."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class _Answer(NamedTuple):
    """What a server sent."""

    status: int
    body: bytes
    retry_after: str | None


@dataclass
class Client:
    """Requests JSON or files from a server.

    Args:
        attempts: Total number of attempts per request.
        timeout: Longest silence of the server [s].
        deadline: Longest total time for one answer [s], however steadily it arrives.
        pause: Shortest time between two requests [s].
        first_wait: Wait before the second attempt [s]; it doubles with each, up to a minute, give or take a quarter.
        headers: Headers sent with every request.
        sleep: Function that waits; replaced in tests.
        max_answer: Largest answer, unpacked [bytes]; of a JSON this size, objects of twenty times the size are made.
        max_total: Most that is read in all, unpacked [bytes].
    """

    attempts: int = 8
    timeout: float = 60.0
    deadline: float = 600.0
    pause: float = 0.0
    first_wait: float = 1.0
    headers: dict[str, str] = field(default_factory=dict)
    sleep: Callable[[float], None] = time.sleep
    max_answer: int = 64 * 2**20
    max_total: int = 256 * 2**30

    def __post_init__(self) -> None:
        self._session = self._open()
        self._last = -float("inf")
        self._total = 0

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def get_json(self, url: str, check: Callable[[dict[str, Any]], str | None] | None = None) -> dict[str, Any]:
        """Request a JSON object; errors that may be temporary are retried.

        Args:
            url: The address, without a password; see `passwords`.
            check: Returns what is wrong with the content, or None; wrong content is requested again.

        Raises:
            DownloadError: If the server refuses, or no attempt gave a complete answer.
        """

        def ask(shown: str) -> dict[str, Any]:
            content = self._ask(url, shown)
            if complaint := check and check(content):
                raise _AnswerError(complaint)
            return content

        return self._repeat(url, ask)

    def get_file(self, url: str, size: int, sha256: str) -> bytes:
        """Request a file whose content is known; errors that may be temporary are retried.

        Args:
            url: The address, without a password.
            size: Its size [bytes]; not one byte more is read.
            sha256: SHA-256 of its content.

        Raises:
            DownloadError: If the server refuses, has another file there, or no attempt gave a complete answer.
        """

        def ask(shown: str) -> bytes:
            answer = self._request(url, shown, size)
            if len(answer.body) < size:
                raise _AnswerError(f"a file of {len(answer.body):,} bytes in place of {size:,}")
            if (found := hashlib.sha256(answer.body).hexdigest()) != sha256:
                raise DownloadError(f"{shown}: the file there is another one, with the SHA-256 {found}; it is not used")
            return answer.body

        return self._repeat(url, ask)

    def save_archive(self, url: str, path: Path, most: int) -> None:
        """Save an archive in gzip whose content is not known before; errors that may be temporary are retried.

        Args:
            url: The address, without a password.
            path: The file, which is written once the archive is whole.
            most: Its largest size [bytes].

        Raises:
            DownloadError: If the server refuses, or no attempt gave a whole archive.
            OSError: If the file cannot be written, e.g. on a full disk; nothing of it stays.
        """
        self._repeat(url, lambda shown: write_pieces_atomically(path, self._pieces(url, shown, most)))

    def _pieces(self, url: str, shown: str, most: int) -> Iterator[bytes]:
        """The pieces of a file in gzip; in place of the last one comes an error, unless the file is whole."""
        unpacker, size = zlib.decompressobj(wbits=31), 0
        headers = {"Accept-Encoding": "identity"}  # it is packed already
        try:
            with self._session.get(
                url, headers=headers, timeout=self.timeout, stream=True, allow_redirects=False
            ) as answer:
                if answer.status_code in _TRY_AGAIN:
                    wait = _asked_wait(answer.headers.get("Retry-After"))
                    raise _AnswerError(format_error(answer.status_code, b""), wait)
                if answer.status_code != 200:
                    raise DownloadError(f"{shown}: the server answers {format_error(answer.status_code, b'')}")
                for piece in answer.raw.stream(_CHUNK, decode_content=False):
                    size += len(piece)
                    if size > most:
                        raise DownloadError(f"{shown}: the file there is another one, larger than {most:,} bytes")
                    unpacker.decompress(piece)
                    yield piece
        except (requests.RequestException, urllib3.exceptions.HTTPError, zlib.error) as error:
            raise _AnswerError(f"an incomplete answer ({type(error).__name__})") from error
        if not unpacker.eof:
            raise _AnswerError("an incomplete answer (gzip ends too early)")

    def _repeat(self, url: str, ask: Callable[[str], _Content]) -> _Content:
        """Ask, with growing waits, until there is an answer or the attempts are over."""
        shown, reason = to_words(url, 500), ""
        for attempt in range(self.attempts):
            asked_wait = None
            try:
                return ask(shown)
            except _AnswerError as error:
                reason, asked_wait = str(error), error.wait
            if attempt + 1 < self.attempts:
                wait = self._wait(attempt, asked_wait, shown)
                logger.info("%s: %s; trying again in %.0f s", shown, reason, wait)
                self.sleep(wait)
        raise DownloadError(f"{shown} gave no usable answer in {self.attempts} attempts; the last error was {reason}")

    def _open(self) -> requests.Session:
        session = requests.Session()
        session.headers["User-Agent"] = f"gnn-sim2real/{__version__} (python-requests)"
        session.headers["Accept-Encoding"] = "gzip"
        session.headers.update(self.headers)
        return session

    def _wait(self, attempt: int, asked: float | None, shown: str) -> float:
        if asked is not None and asked > _LONGEST_WAIT:
            raise DownloadError(
                f"{shown}: the server asks to wait {asked:.0f} s; run the same command again after that"
            )
        backed_off = min(self.first_wait * 2**attempt, 60.0) * random.uniform(0.75, 1.25)  # noqa: S311 (no secret)
        return float(max(backed_off, asked or 0.0))

    def _request(self, url: str, shown: str, largest: int | None = None) -> _Answer:
        """One attempt; without `largest` [bytes], an answer may be `max_answer` long."""
        self.sleep(max(0.0, self._last + self.pause - time.monotonic()))
        self._last = time.monotonic()
        answer = self._fetch_in_time(url, shown, largest)
        self._total += len(answer.body)
        if self._total > self.max_total:
            raise DownloadError(
                f"{shown}: this download is larger than {self.max_total / 2**30:,.0f} GiB; restrict it by `filter` or "
                "`max_entries`"
            )
        if answer.status in _TRY_AGAIN:
            raise _AnswerError(format_error(answer.status, answer.body), _asked_wait(answer.retry_after))
        if not 200 <= answer.status < 300:
            raise DownloadError(f"{shown}: the server answers {format_error(answer.status, answer.body)}")
        return answer

    def _ask(self, url: str, shown: str) -> dict[str, Any]:
        """One attempt to get JSON."""
        answer = self._request(url, shown)
        try:
            content = parse_answer(answer.body)
        except RecursionError:
            raise DownloadError(f"{shown}: the answer is nested too deeply to be read; it is not OPTIMADE") from None
        except ValueError as error:
            raise _AnswerError(f"an answer that is not JSON; it begins {_beginning(answer.body)!r}") from error
        if not isinstance(content, dict):
            raise _AnswerError(f"an answer that is not a JSON object but a {type(content).__name__}")
        if isinstance(content, Repeated) and not content.in_entries_only:
            raise _AnswerError(f"an answer that has the name {to_words(ascii(content.name), 80)} twice in one object")
        if content.get("errors"):
            words = format_error(answer.status, answer.body)
            if _is_temporary(content["errors"]):
                raise _AnswerError(words)
            raise DownloadError(f"{shown}: the server answers {words}")
        return content

    def _fetch_in_time(self, url: str, shown: str, largest: int | None) -> _Answer:
        """Request in a thread: sockets and `requests` limit the silence of a server, but not the time that it takes."""
        box: queue.SimpleQueue[_Answer | Exception] = queue.SimpleQueue()

        def fetch(session: requests.Session, ends: float) -> None:
            try:
                box.put(self._fetch(session, url, shown, ends, largest))
            except Exception as error:  # handed to the thread that waits
                box.put(error)

        ends = time.monotonic() + self.deadline
        threading.Thread(target=fetch, args=(self._session, ends), daemon=True).start()
        try:
            found = box.get(timeout=self.deadline)
        except queue.Empty:
            self._session = self._open()  # the old one is in use until the server hangs up
            found = _AnswerError(f"an answer that is incomplete after {self.deadline:g} s")
        if isinstance(found, _Answer):
            return found
        unreadable = (requests.exceptions.ContentDecodingError, zlib.error)
        broken = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
        if isinstance(found, unreadable):
            raise _AnswerError(f"an unreadable answer ({type(found).__name__})") from found
        if isinstance(found, (*broken, urllib3.exceptions.HTTPError)):
            raise _AnswerError(f"an incomplete answer ({type(found).__name__})") from found
        if isinstance(found, _AnswerError | DownloadError):
            raise found
        raise DownloadError(f"{shown} cannot be requested: {to_words(str(found), 300)}") from found

    def _fetch(self, session: requests.Session, url: str, shown: str, ends: float, largest: int | None) -> _Answer:
        """Request an address, and those on the same server to which it redirects."""
        for _ in range(_MAX_REDIRECTS):
            login = login_of(url)
            with session.get(
                f"{url}{'&' if '?' in url else '?'}{urlencode(login.parameters)}" if login.parameters else url,
                auth=login.user,
                timeout=self.timeout,
                stream=True,
                allow_redirects=False,
            ) as answer:
                if not answer.is_redirect:
                    body = self._read(answer, shown, ends, largest)
                    return _Answer(answer.status_code, body, answer.headers.get("Retry-After"))
                target = strip_login(urljoin(url, answer.headers["location"]))
                if not is_same_server(url, target):
                    raise DownloadError(
                        f"{shown} redirects to another server, {to_words(target, 200)}; if that is the database that "
                        "you mean, give its address"
                    )
                url = target
        raise DownloadError(f"{shown} redirects again and again, {_MAX_REDIRECTS} times in a row")

    def _read(self, answer: requests.Response, shown: str, ends: float, largest: int | None) -> bytes:
        """The content, unpacked here: a library that unpacks a whole piece at once makes gigabytes of a small one."""
        most = self.max_answer if largest is None or answer.status_code >= 300 else largest  # or words on an error
        packing = answer.headers.get("Content-Encoding", "").strip().lower()
        if packing not in ("", "identity", "gzip", "x-gzip"):
            raise _AnswerError(f"an answer packed by {to_words(packing, 40)!r}, though only gzip is understood")
        unpacker = zlib.decompressobj(wbits=31) if packing.endswith("gzip") else None
        body = bytearray()
        for piece in answer.raw.stream(_CHUNK, decode_content=False):
            rest = piece
            while rest:
                if unpacker is None:
                    body += rest
                    break
                if unpacker.eof:  # several archives in a row are one text
                    unpacker = zlib.decompressobj(wbits=31)
                body += unpacker.decompress(rest, max(1, most + 1 - len(body)))
                if len(body) > most:
                    break
                rest = unpacker.unused_data or unpacker.unconsumed_tail
            if len(body) > most:
                raise DownloadError(f"{shown}: {self._too_large(largest)}")
            if time.monotonic() > ends:
                raise _AnswerError(f"an answer that is incomplete after {self.deadline:g} s")
        if unpacker is not None and body and not unpacker.eof:
            raise _AnswerError("an incomplete answer (gzip ends too early)")
        return bytes(body)

    def _too_large(self, largest: int | None) -> str:
        if largest is not None:
            return f"the file there is another one, larger than {largest:,} bytes"
        return (
            f"an answer is larger than {self.max_answer / 2**20:,.0f} MiB, so it is not read; ask for fewer entries at "
            "a time by `page_limit`"
        )


def is_same_server(url: str, other: str) -> bool:
    """Whether an address leads to the server of another one; from http to https it may, but not back.

    Args:
        url: Address of the server.
        other: Address that the server gives.
    """
    try:
        old, new = urlsplit(url), urlsplit(other)
        ports = (old.port, new.port)
    except ValueError:
        return False
    hosts = {(parts.hostname or "").removeprefix("www.") for parts in (old, new)}
    if len(hosts) > 1 or new.scheme not in ("http", "https"):
        return False
    if old.scheme == new.scheme:
        return ports[0] == ports[1]
    return old.scheme == "http" and ports[0] in (None, 80) and ports[1] in (None, 443)


def to_words(text: str, most: int) -> str:
    """A text of a server in one line of limited length, without passwords, and with its control characters spelled out.

    Args:
        text: The text.
        most: Largest number of characters.
    """
    line = censor(" ".join(text[: 4 * most].split()))
    line = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in line)
    return line if len(line) <= most else line[: most - 3] + "..."


def format_error(status: int, body: bytes) -> str:
    """The server's own error message, unpacked if it is JSON:API.

    Args:
        status: HTTP status code.
        body: Content of the answer.
    """
    try:
        content = parse_answer(body)
    except (ValueError, RecursionError):
        content = None
    found = content if isinstance(content, dict) else {}
    errors = found.get("errors") or found.get("error") or found.get("detail") or found.get("message") or []
    messages = [_format(each) for each in (errors if isinstance(errors, list) else [errors])[:5]]
    text = to_words("; ".join(each for each in messages if each), 500)
    return f"{status}: {text}" if text else f"{status} {_beginning(body)!r}" if body else f"{status}"


def _is_temporary(errors: Any) -> bool:
    """Whether an error inside a good answer is one that passes."""
    first = errors[0] if isinstance(errors, list) else errors
    return isinstance(first, dict) and str(first.get("status")) in map(str, _TRY_AGAIN)


def _format(error: Any) -> str:
    if not isinstance(error, dict):
        return _plain(error)
    return ": ".join(filter(None, (_plain(error.get(name)) for name in ("title", "detail", "msg", "message"))))


def _plain(value: Any) -> str:
    return str(value) if isinstance(value, str | int | float) and value else ""


def _beginning(body: bytes) -> str:
    return to_words(body[:200].decode(errors="replace"), 200)


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
    except (ValueError, TypeError, OverflowError):
        return None
