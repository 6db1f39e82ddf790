"""Passwords and keys in the address of a server: taken out of it, kept in memory only, and sent to that server alone.

Whatever names the server from then on (logs, caches, configurations, cards, records) has the address without them.
"""

import logging
import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, quote, quote_plus, unquote, urlencode, urlsplit

_SECRET = re.compile(r"key|token|secret|passw|pwd|auth|cred|sig", re.IGNORECASE)
_IN_TEXT = re.compile(
    r"(?i)(\b[a-z][a-z0-9+.-]*://)[^\s/?#'\"]*@|([?&][^\s=&'\"]*(?:" + _SECRET.pattern + r")[^\s=&'\"]*=)[^\s&'\"#]+"
)

_SHORT = 3
"""Shorter words are not looked for in texts: they are part of many others."""


@dataclass(frozen=True)
class Login:
    """What a server wants to know and nobody else may.

    Attributes:
        user: User and password; None if the server wants none.
        parameters: Keys that are sent with every request, by name.
    """

    user: tuple[str, str] | None = field(repr=False)
    parameters: dict[str, str] = field(repr=False)

    def words(self) -> set[str]:
        """What must not be shown, as it is and as it stands in an address."""
        plain = {word for word in (*self.parameters.values(), *(self.user or ())[1:]) if len(word) >= _SHORT}
        return plain | {spell(word) for word in plain for spell in (quote, quote_plus)}


NO_LOGIN = Login(None, {})

_LOGINS: dict[str, Login] = {}
"""The login of each server that this process was given."""

_WORDS: set[str] = set()
"""Other words that must not be shown."""


def hide_login(address: str) -> str:
    """Take the password and the keys out of the address of a database, and keep them for the requests of this process.

    Args:
        address: E.g. `https://user:password@example.org/optimade?api_key=1234`.

    Returns:
        The address without them: `https://example.org/optimade`.

    Raises:
        ValueError: If it is no address, or has parameters that are no keys; their values are not shown.
    """
    parts = urlsplit(address)
    try:
        _ = parts.port
        readable = not any("@" in part for part in (parts.path, parts.query, parts.fragment))
    except ValueError:
        readable = False
    if not readable:  # it may hold a piece of a password, so nothing of it is shown
        raise ValueError(
            "the address of the database cannot be read; in a user name or a password spell @ as %40, / as %2F, # as "
            "%23 and ? as %3F"
        )
    parameters = dict(parse_qsl(parts.query, keep_blank_values=True))
    if other := [name for name in parameters if not _SECRET.search(name)]:
        raise ValueError(
            f"the address of {_host(parts)} has the parameter {other[0]!r}; give the address of the database alone, "
            "such as https://example.org/optimade"
        )
    if "@" not in parts.netloc and not parameters:
        return address
    user = (unquote(parts.username or ""), unquote(parts.password or "")) if "@" in parts.netloc else None
    _LOGINS[_host(parts)] = Login(user, parameters)
    # `urllib3` writes each address to its log, where a program asks for that.
    logging.getLogger("urllib3.connectionpool").addFilter(_censor_record)
    return parts._replace(netloc=_host(parts), query="", fragment="").geturl()


def hide_word(word: str) -> None:
    """Remember a key that reaches its server by another way, so that no message shows it.

    Args:
        word: The key.
    """
    _WORDS.add(word)


def login_of(url: str) -> Login:
    """The login of a server.

    Args:
        url: Any address of the server.
    """
    return _LOGINS.get(_host(urlsplit(url)), NO_LOGIN)


def strip_login(url: str) -> str:
    """An address that a server gave, without the login that it repeats.

    Args:
        url: The address.
    """
    parts = urlsplit(url)
    known = login_of(url).parameters
    if "@" not in parts.netloc and not known:
        return url
    query = parts.query
    if known:
        query = urlencode([each for each in parse_qsl(query, keep_blank_values=True) if each[0] not in known])
    return parts._replace(netloc=_host(parts), query=query).geturl()


def censor(text: str) -> str:
    """A text with stars in place of passwords and keys: those that are known, and those in any address.

    Args:
        text: Text for a log or a message.
    """
    for word in sorted(_WORDS.union(*(login.words() for login in _LOGINS.values())), key=len, reverse=True):
        text = text.replace(word, "***")
    return _IN_TEXT.sub(lambda found: f"{found[1]}***@" if found[1] else f"{found[2]}***", text)


def _host(parts: SplitResult) -> str:
    """Host and port, without the user."""
    return parts.netloc.rpartition("@")[2].lower()


def _censor_record(record: logging.LogRecord) -> bool:
    record.msg, record.args = censor(record.getMessage()), None
    return True
