"""Tables in JSON: a list of records, one in each line, or what pandas writes with any `orient` but values."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnn_sim2real.files import parse_json
from gnn_sim2real.tables.text_table import read_text

if TYPE_CHECKING:
    import pandas

UNITS = "units"
"""Where `attrs` of a table have the unit of each column, if the file says it beside the headings."""

_ORIENTS = "accepted are a list of records, or what pandas writes with orient records, split, columns, index or table"


def read_json_table(path: Path) -> "pandas.DataFrame":
    """Read a table in JSON.

    Args:
        path: The file, which may be compressed.

    Raises:
        ValueError: If it is no JSON, or no table.
    """
    return _to_frame(parse_json(read_text(path)))


def read_json_lines(path: Path) -> "pandas.DataFrame":
    """Read a table with a record in each line.

    Args:
        path: The file, which may be compressed.

    Raises:
        ValueError: If a line is no JSON, or no record.
    """
    import pandas

    records = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        try:
            records += [parse_json(line)] if line.strip() else []
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from error
    return _of_records(records) if records else pandas.DataFrame()


def _to_frame(content: Any) -> "pandas.DataFrame":
    import pandas

    match content:
        case {"schema": dict() as schema, "data": list() as records}:
            frame = _of_records(records)
            fields = schema.get("fields")
            named = [each for each in fields if isinstance(each, dict)] if isinstance(fields, list) else []
            frame.attrs[UNITS] = {each.get("name"): each.get("unit", each.get("units")) for each in named}
            return frame
        case {"columns": list() as columns, "data": list() as rows}:
            if len(set(map(str, columns))) < len(columns):
                raise ValueError("two of its columns have the same name: give each its own")
            if all(isinstance(row, list) and len(row) == len(columns) for row in rows):
                return pandas.DataFrame(rows, columns=[str(column) for column in columns])
        case list() as records:
            return _of_records(records)
        case dict() if content:
            return _of_records(_records_of(content))
    raise ValueError(f"it is not a table: {_ORIENTS}")


def _records_of(content: dict[str, Any]) -> list[Any]:
    """Records of a dictionary of columns, each a list or by the numbers of the rows, or of a dictionary of records."""
    parts = list(content.values())
    if all(isinstance(each, list) for each in parts) and len(set(map(len, parts))) == 1:
        return [dict(zip(content, row, strict=True)) for row in zip(*parts, strict=True)]
    if all(isinstance(each, dict) for each in parts):
        rows = list(dict.fromkeys(key for each in parts for key in each))
        if all(key.isdigit() for key in rows):
            return [{name: each.get(row) for name, each in content.items()} for row in rows]
        return parts
    return []


def _of_records(records: list[Any]) -> "pandas.DataFrame":
    import pandas

    if not records or not all(isinstance(record, dict) for record in records):
        raise ValueError(f"it is not a table: {_ORIENTS}")
    names = list(dict.fromkeys(name for record in records for name in record))
    return pandas.DataFrame({name: [record.get(name) for record in records] for name in names})
