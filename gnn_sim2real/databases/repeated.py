"""JSON of a server in which an object has a name twice: each reader takes another of the two values."""

import json
import re
from typing import Any

import orjson

_MAX_DIGITS = 400
"""Integers with more digits are no values of anything; Python refuses a whole text for one with 4,301."""

_NAMES = re.compile(rb'"\s*:')
_ESCAPED_MARK = b"\\u0022"  # a quotation mark in a text, which is written in a shorter way when it is dumped


class Repeated(dict[str, Any]):
    """An object that has a name twice, or in which another one has.

    Attributes:
        name: The name.
        in_entries_only: Whether only members of its list `data` have one.
    """

    name = ""
    in_entries_only = False


def parse_answer(body: bytes) -> Any:
    """Parse the JSON of a server; NaN and Infinity are not valid JSON, but some servers send them.

    Args:
        body: The JSON.

    Returns:
        Its content; objects with a name twice, and those around them, are `Repeated`.

    Raises:
        ValueError: If it is not JSON.
        RecursionError: If it is nested too deeply.
    """
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _parse_slowly(body)
    # Of two values the parser drops one: the content, dumped, has fewer names. This takes a tenth of the other way.
    try:
        num_dumped = orjson.dumps(content).count(b'":')
    except TypeError:  # it is nested more deeply than is dumped
        num_dumped = 0
    if len(_NAMES.findall(body)) <= num_dumped and _ESCAPED_MARK not in body:
        return content
    try:
        return _parse_slowly(body)
    except RecursionError:  # one entry of that depth does not end a download
        return content


def _parse_slowly(body: bytes) -> Any:
    return json.loads(body, parse_int=_parse_int, object_pairs_hook=_mark)


def _parse_int(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MAX_DIGITS else float(digits)


def _mark(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    own = None
    if len(found) < len(pairs):
        own = next(name for place, (name, _) in enumerate(pairs) if name in dict(pairs[:place]))
    inner = [(key, value, mark) for key, value in pairs if (mark := _marked(value)) is not None]
    if own is None and not inner:
        return found
    marked = Repeated(found)
    marked.name = own if own is not None else inner[0][2].name
    marked.in_entries_only = own is None and all(key == "data" and isinstance(value, list) for key, value, _ in inner)
    return marked


def _marked(value: Any) -> Repeated | None:
    if isinstance(value, list):
        return next((mark for each in value if (mark := _marked(each)) is not None), None)
    return value if isinstance(value, Repeated) else None
