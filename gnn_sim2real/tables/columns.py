"""Headings of a table: which column has the materials, which the values, and in what unit."""

import logging
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gnn_sim2real.tables.json_table import UNITS
from gnn_sim2real.tables.properties import spellings_of
from gnn_sim2real.tables.table import Property
from gnn_sim2real.tables.texts import to_texts
from gnn_sim2real.units import (
    QUANTITIES,
    convert,
    describe_accepted,
    is_unit,
    quantity_of,
    replace_siunitx,
    same_quantity,
)

if TYPE_CHECKING:
    import pandas

logger = logging.getLogger(__name__)

MATERIAL_HEADINGS = {
    "repeat_unit": (
        "smiles",
        "psmiles",
        "p_smiles",
        "repeat_unit",
        "polymer_smiles",
        "smiles_string",
        "canonical_smiles",
    ),
    "molecule": ("smiles", "canonical_smiles", "molecule", "smiles_string", "mol_smiles"),
    "composition": ("formula", "composition", "reduced_formula", "formula_pretty", "chemical_formula", "compound"),
}
"""Headings of the materials of each kind, in order of preference, as `plain_heading` gives them."""

PURE_HEADINGS = tuple(dict.fromkeys(name for names in MATERIAL_HEADINGS.values() for name in names))
"""Those of all kinds."""


class Heading(NamedTuple):
    """A heading, split into name and unit.

    Attributes:
        column: The heading as written.
        name: The quantity, as in `plain_heading`.
        unit: The unit, if there is one that is understood.
        unclear: What stands where a unit stands, but is none that is known.
    """

    column: str
    name: str
    unit: str | None
    unclear: str | None = None


_NO_VALUE = frozenset({"na", "nan", "none", "null"})
_UNIT_HEADINGS = ("unit", "units", "uom", "unit_of_measure", "unit_of_measurement", "einheit", "einheiten")
_SCALES = ("scale", "temperature_scale", "temp_scale")
"""Headings of the units of temperatures, which say something else beside other values."""
_MANY = 20
"""A column with more different words than this holds names, not units."""

_BRACKETS = re.compile(r"\[([^\]]*)\]|\(((?:[^()]|\([^()]*\))*)\)|(?<![\^_])\{([^{}]*)\}|<([^<>]*)>")
_BREAKS = re.compile(r"[:;|\"\[({<]|\s[-–—]\s")
"""What may stand between a name and its unit beside spaces, underscores and whole brackets."""
_POWER_OF_TEN = re.compile(r"10\s*(?:\^|\*\*)\s*[+-]?\d")
_MEASURED = r"exp|expt|experiment|experimental|meas|measured"
_METHOD = re.compile(rf"{_MEASURED}|calc|calculated|sim|simulated|predicted|md|dft|dsc|dma|onset|midpoint|mean|median")
"""Words in brackets that tell how a value was found, and cannot be a unit."""
_DEGREES = re.compile(
    r"°|(?<![a-z])(?:deg|degrees?|cels|celcius|celsius|centigrade|fahrenheit)(?![a-z])|[-.=]\s*(?-i:[CF])\s*$",
    re.IGNORECASE,
)
_LOGARITHM = r"(?<![a-z])(?:log_?(?:10|2|e)?|ln|lg)(?![a-z0-9])"
_NOT_THE_VALUE = (
    r"(?<![a-z])(?:sqrt|error|err|std|stdev|stderr|sd|uncertainty|reciprocal|inverse|squared|variance|deviation"
    r"|normali[sz]ed|norm|standardi[sz]ed|scaled|z[\W_]?score|difference|change|shift|residual"
    r"|percentile|rank)(?![a-z])|[±√]|^\s*[-~≈|]\s*(?=\w)"
)
_MULTIPLE = (
    r"^\s*-?[\d.]+(?:e[+-]?\d+)?\s*[/*x×·]|^\s*10+\s|\(\)\s*(?:\^|\*\*|-?\d)"
    r"|[×*·]\s*10|/\s*10+(?![\d^-])|(?<=[\s_)])x\s*10|(?<=[\s)])e[+-]?\d+\s*$"
)
"""What else a column may hold than the values: logarithms, errors, multiples."""


def read_heading(column: str, wanted: str | None = None, words: bool = True) -> Heading:
    """Split a heading such as `Density [g/cm3]`, `Tg (K)`, `Tg / degC`, `Tg, °C`, `Tg_C` or `density_kg_m3`.

    Args:
        column: The heading.
        wanted: Unit that the values shall have. It decides whether a letter at the end is a unit.
        words: Whether the last words of a heading may be a unit without a mark before them.
    """
    whole, text = plain_heading(column), _plain_letters(column)
    groups = ["".join(found).strip() for found in _BRACKETS.findall(text)]
    stem = _BRACKETS.sub(" ", text)
    if not groups:
        marked = re.fullmatch(r"(.*?)(?:\s/\s|,\s*|\s+in\s+(?=\S))(.+)", text.strip(), re.DOTALL)
        if marked and (is_unit(marked[2]) or not re.search(r"\sin\s", text)):
            stem, groups = marked[1], [marked[2]]
    units = [unit for each in groups if (unit := _first_unit(each)) is not None]
    if len(units) == 1 and re.search(r"\w", stem):
        if _POWER_OF_TEN.search(stem):  # multiplied or to be multiplied by it?
            return Heading(column, whole, None, column)
        return Heading(column, plain_heading(stem), "" if units[0] == "-" else units[0])
    if not all(_METHOD.fullmatch(each.lower().strip(". ")) for each in groups):
        return Heading(column, whole, None, " ".join(groups))
    return _read_words(column, stem, wanted) if words else Heading(column, whole, None)


def _plain_letters(text: str) -> str:
    """A heading with plain letters and brackets, degree signs, and `^3` for a raised 3."""
    text = replace_siunitx(text).translate({ord("˚"): "°", ord("【"): "[", ord("】"): "]"})
    text = re.sub(r"[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda power: f"^{power[0]}", text)
    return unicodedata.normalize("NFKC", text).replace("−", "-")


def _first_unit(group: str) -> str | None:
    """The unit in brackets, also before a comma: `g/mL, 25 °C`, `K, onset`."""
    if is_unit(group):
        return group
    first, *rest = re.split(r"\s*[,;@]\s*|\s+at\s+", group)
    return first if first and rest and is_unit(first) and not any(map(is_unit, rest)) else None


def _read_words(column: str, text: str, wanted: str | None) -> Heading:
    """Read a unit from the last words: `Tg_C`, `density g/cm3`, `thermal_conductivity_W_mK`, `Tg/K`, `Tg: °C`."""
    whole, text = plain_heading(column), _BREAKS.sub(" ", text).strip()
    tokens = re.split(r"[\s_]+", text)
    glued = re.fullmatch(r"(.*[^\W_])(°[CFK])|(.*[a-z])((?:deg)?[CFK])", tokens[-1])
    if glued and not _is_symbol(tokens[-1]) and wanted is not None and same_quantity(wanted, "K"):
        tokens[-1:] = [each for each in glued.groups() if each]  # "melting_pointC"
    name, slash, unit = text.partition("/")
    if slash and wanted is not None and name and is_unit(unit) and same_quantity(unit, wanted):
        return Heading(column, plain_heading(name), unit)
    for start in range(1, len(tokens)):
        tail = tokens[start:]
        if not all(map(_is_symbol, tail)):
            continue
        below = tail[1] if len(tail) == 2 else f"({' '.join(tail[1:])})"
        spelled = [" ".join(tail), f"{tail[0]}/{below}"]
        known = [each for each in spelled[: len(tail)] if is_unit(each) and quantity_of(each)]
        if fitting := [each for each in known if wanted is None or same_quantity(each, wanted)]:
            stem = "_".join(tokens[:start]).removesuffix("_in")
            if _POWER_OF_TEN.search(stem):
                return Heading(column, whole, None, column)
            return Heading(column, plain_heading(stem), fitting[0])
        # A letter may be anything, and "298_K" is a condition.
        if known and len(known[0]) > 1 and not re.fullmatch(r"[\d.]+", tokens[start - 1]):
            return Heading(column, whole, None, " ".join(tail))
    return Heading(column, whole, None)


def _is_symbol(token: str) -> bool:
    if re.search(r"[/^°]|-\d", token):  # "kg/m3", "kgm-3", "°C"
        return is_unit(token)
    return token in _symbols()


@cache
def _symbols() -> frozenset[str]:
    """Names of the units that people use: other words at the end of a heading say something else."""
    listed = {symbol for units in QUANTITIES.values() for unit in units for symbol in _names(unit)}
    more = ("per", "deg", "celsius", "Celsius", "oC", "C", "F", "mK", "cmK", "kgK", "gK", "molK", "pct", "D", "Debye")
    return frozenset(listed.union(more))


def _names(unit: str) -> list[str]:
    """Names of units with their powers, as they stand in a heading: `cm3`, `m`, `K`."""
    if unit.endswith("_fraction"):  # the mass of "molar_mass" is not a unit
        return [unit]
    found = re.findall(r"[^\W\d_]+(?:\^?\d)?", unit)
    return [each.replace("^", "") for each in found] + [each.rstrip("^0123456789") for each in found]


def plain_heading(text: str) -> str:
    """A heading in lower case, with one underscore between words.

    Args:
        text: The heading.
    """
    return re.sub(r"[^a-z0-9]+", "_", text.strip().lower()).strip("_")


def as_written(column: str, columns: Iterable[str]) -> str | None:
    """The heading that a user means, which nobody sees blanks around; None if there is none, or more than one.

    Args:
        column: As the user types it.
        columns: The headings.
    """
    columns = list(columns)
    if column in columns:
        return column
    alike = [each for each in columns if each.strip() == column.strip()]
    return alike[0] if len(alike) == 1 else None


def says_another_value(column: str) -> bool:
    """Whether a heading says that the column has errors, differences or the like, not the values themselves.

    Args:
        column: The heading.
    """
    return re.search(_NOT_THE_VALUE, _plain_letters(column).lower()) is not None


def find_column(
    columns: Sequence[str],
    names: Iterable[str],
    what: str,
    source: str,
    setting: str,
    wanted: str | None = None,
) -> Heading:
    """Find a column by its heading.

    Args:
        columns: The headings.
        names: Names to look for, the best first.
        what: What is looked for, for messages.
        source: Name of the file, for messages.
        setting: Setting by which a user chooses the column, for messages.
        wanted: Unit that the values of the column shall have, if it has values.

    Raises:
        ValueError: If no column fits, or several do.
    """
    names = list(names)
    passes = [
        [read_heading(str(column), wanted, words) for column in columns]
        for words in ((False, True) if wanted is not None else (False,))
    ]
    if wanted is not None:  # "density (exp)", if there is no other
        measured = re.compile(rf"_(?:{_MEASURED})$")
        passes.append([each._replace(name=measured.sub("", each.name)) for each in passes[-1]])
    for name in names:
        for headings in passes:
            found = [heading for heading in headings if heading.name == plain_heading(name)]
            if len(found) > 1:
                several = ", ".join(repr(each.column) for each in found)
                raise ValueError(f"{source} has several columns for {what}: {several}; choose one by `{setting}`")
            if found:
                return found[0]
    listed = ", ".join(map(str, columns[:30])) + (" ..." if len(columns) > 30 else "")
    raise ValueError(
        f"{source} has no column for {what} ({' or '.join(names[:4])}): set `{setting}` to one of {listed}"
    )


def in_table(prop: Property, columns: list[str], source: str) -> Property:
    """A property with its column and the unit in the heading.

    Args:
        prop: Property as the user gives it.
        columns: Headings of the table.
        source: Name of the file, for messages.

    Raises:
        ValueError: If no column is found, or the unit in its heading is of another quantity or not the one given.
    """
    column = prop.column
    if column is None:
        what = f"the property {prop.name!r}"
        column = find_column(columns, spellings_of(prop.name), what, source, "column", prop.unit).column
    return _of_heading(replace(prop, column=column), source)


def with_unit(prop: Property, frame: "pandas.DataFrame", source: str, setting: str = "file_unit") -> Property:
    """A property with the unit that its heading says, or a column of units beside its values.

    Args:
        prop: A property whose column is in the table.
        frame: The table.
        source: Name of the file, for messages.
        setting: Setting by which a user says the unit, for messages.

    Raises:
        ValueError: If the heading or the column says a unit that is not understood, or two contradict.
    """
    if prop.unit_column is not None:
        return prop
    prop = _of_types(_of_heading(prop, source, setting), frame, source, setting)
    _refuse_second_heading(frame, prop, source)
    column = _column_of_units([str(each) for each in frame], prop)
    if column is None:
        _warn_of_units(frame, prop, source, setting)
        return prop
    told = sorted({text for text in to_texts(frame[column]) if text})
    fitting = [text for text in told if is_unit(text) and same_quantity(text, prop.unit)]
    if prop.file_unit is not None:
        for text in fitting:
            if _differ(text, prop.file_unit, prop.unit):
                raise ValueError(
                    f"the column {column!r} of {source} says {text}, but the values in {prop.column!r} are taken as "
                    f"{prop.file_unit}: set `unit_column: {column}` and leave `{setting}` out, or correct one of them"
                )
        return prop
    if fitting and fitting == told and not any(_differ(text, prop.unit, prop.unit) for text in told):
        return replace(prop, file_unit=prop.unit)
    if fitting:
        return replace(prop, unit_column=column)
    words = [text for text in told if not re.fullmatch(r"[\d.,+-]*", text)]
    if not words or len(words) > _MANY or any("*" in text for text in words):  # numbers or names of repeat units
        return prop
    raise ValueError(
        f"the column {column!r} of {source} says {words[0]!r}, which is not understood as the unit of "
        f"{prop.column or prop.name!r}: set `{setting}` to the unit of the values; accepted are "
        f"{describe_accepted(prop.unit)}"
    )


def _of_types(prop: Property, frame: "pandas.DataFrame", source: str, setting: str) -> Property:
    """A property with the unit that the types of a parquet or JSON table say, beside the heading."""
    units = frame.attrs.get(UNITS)
    text = units.get(prop.column or prop.name) if isinstance(units, Mapping) else None
    if not isinstance(text, str) or not text.strip():
        return prop
    understood = is_unit(text) and same_quantity(text, prop.unit)
    if prop.file_unit is None:
        if understood:
            return replace(prop, file_unit=text)
        raise ValueError(
            f"the types of {source} say the unit {text!r} of {prop.column or prop.name!r}, which is not understood: "
            f"set `{setting}` to the unit of the values; accepted are {describe_accepted(prop.unit)}"
        )
    if understood and _differ(text, prop.file_unit, prop.unit):
        raise ValueError(
            f"the types of {source} say the unit {text!r} of {prop.column or prop.name!r}, but the heading or "
            f"`{setting}` {prop.file_unit}: correct one of them"
        )
    return prop


def _warn_of_units(frame: "pandas.DataFrame", prop: Property, source: str, setting: str) -> None:
    """Warn of a column of units under a heading that does not say so, if it says other units than the one taken."""
    taken = prop.unit if prop.file_unit is None else prop.file_unit
    of_others = {f"{plain_heading(str(each))}_{word}" for each in frame for word in _UNIT_HEADINGS}
    for column in map(str, frame):
        if plain_heading(column) in of_others or frame[column].dtype.kind in "biufcmM":
            continue
        told = {text for text in to_texts(frame[column]) if text}
        first = next(iter(told), "")
        if not re.search(r"[^\W\d_]|[°%]", first) or not is_unit(first) or len(told) > _MANY:
            continue
        if all(is_unit(text) and same_quantity(text, prop.unit) for text in told) and any(
            _differ(text, taken, prop.unit) for text in told
        ):
            logger.warning(
                "the column %r of %s has nothing but units (%s), but the values in %r are taken as %s: if these are "
                "their units, set `%s`, or call the column `unit`",
                *(column, source, ", ".join(sorted(told)), prop.column or prop.name, taken or "numbers", setting),
            )


def _of_heading(prop: Property, source: str, setting: str = "file_unit") -> Property:
    """A property with the unit in its heading."""
    column = prop.column or prop.name
    if prop.unit_column is not None:
        return prop
    heading = read_heading(column, prop.unit)
    if prop.file_unit is None and (sign := _find_change(column, prop)):
        raise ValueError(
            f"the heading {column!r} of {source} says {sign!r}: are these the values of {prop.name!r}, or logarithms, "
            f"multiples or errors of them? Undo it in the file; if they are the values, set `{setting}` to their unit"
        )
    if heading.unit is None:
        unclear = heading.unclear
        if unclear is None and same_quantity(prop.unit, "K") and (degrees := _DEGREES.search(_plain_letters(column))):
            unclear = degrees[0]
        if prop.file_unit is None and unclear is not None:
            raise ValueError(
                f"the heading {column!r} of {source} says {unclear!r}, which is not understood as a unit of "
                f"{prop.name!r}: set `{setting}` to the unit of the values; accepted are {describe_accepted(prop.unit)}"
            )
        if prop.file_unit is None and heading.name.startswith(f"{plain_heading(prop.name)}_"):
            logger.warning(
                "the heading %r of %s names no unit that is known: its values are taken as %s; `%s` says otherwise",
                *(column, source, prop.unit or "numbers without a unit", setting),
            )
        return prop
    if not same_quantity(heading.unit, prop.unit):
        if prop.file_unit is not None:  # what stands there is not a unit then, but, say, a method
            return prop
        raise ValueError(
            f'column {column!r} of {source}: "{heading.unit}" does not convert to "{prop.unit}": accepted are '
            f"{describe_accepted(prop.unit)}"
        )
    if prop.file_unit is not None and _differ(heading.unit, prop.file_unit, prop.unit):
        raise ValueError(
            f"the heading {column!r} of {source} says {heading.unit}, `{setting}` is {prop.file_unit}: leave "
            f"`{setting}` out, or correct one of them"
        )
    return replace(prop, file_unit=heading.unit)


def _find_change(column: str, prop: Property) -> str | None:
    """What in a heading says that the column has something else than the values; None if nothing does."""
    text, names = _plain_letters(column).lower(), [each.lower() for each in spellings_of(prop.name)]
    spelled = "|".join(r"[\W_]*".join(map(re.escape, re.findall(r"[^\W_]+", name))) for name in names)
    patterns = [(text, _NOT_THE_VALUE), (_BRACKETS.sub("()", text), _MULTIPLE)]
    if spelled:
        patterns.append((text, rf"(?:[δσ∆∂]|(?<![a-z])(?:delta|sigma))[\s_]*(?={spelled})"))
        patterns.append((text, rf"(?<=[\s_(])(?:{spelled})[\W_]*\^\s*[-+]?\d|^(?:{spelled})[\W_]*\^\s*[-+]?\d"))
    if not same_quantity(prop.unit, ""):
        patterns += [
            (text, _LOGARITHM),
            (text, r"(?<![a-z])relative(?![a-z])"),
            (text, rf"(?<![a-z])(?:log(?:10)?|ln|lg)(?={spelled or '$'})"),
        ]
    found = (match[0].strip() for where, pattern in patterns for match in re.finditer(pattern, where))
    return next(
        (sign.replace("()", "(...)") for sign in found if not any(sign.strip(" _") in name for name in names)), None
    )


def _refuse_second_heading(frame: "pandas.DataFrame", prop: Property, source: str) -> None:
    """Refuse a table whose second line has the units, which would be a row that is refused."""
    column = prop.column or prop.name
    text = "".join(to_texts(frame[column].iloc[:1])).strip() if column in frame else ""
    unit = _plain_letters(text).strip("[]()").strip()
    if not re.search(r"[^\W\d_]|[°%]", unit) or unit.lower() in _NO_VALUE or not is_unit(unit):
        return
    told = prop.file_unit
    if not same_quantity(unit, prop.unit) or (told is not None and not _differ(unit, told, prop.unit)):
        return
    raise ValueError(
        f"the first row of {source} says {text!r} in the column {column!r}: a second line of headings with the units? "
        f"Delete it, and write the unit into the heading, as in '{column} ({unit})'"
    )


def _differ(first: str, second: str, wanted: str) -> bool:
    one = np.ones(1)
    return not np.allclose(convert(one, first, wanted), convert(one, second, wanted), rtol=1e-12)


def _column_of_units(columns: Sequence[str], prop: Property) -> str | None:
    """The column with the unit of each value, by its heading."""
    about = [plain_heading(prop.column or prop.name), read_heading(prop.column or prop.name, prop.unit).name, prop.name]
    words = (*_UNIT_HEADINGS, *(_SCALES if same_quantity(prop.unit, "K") else ()))
    names = [f"{plain_heading(each)}_{word}" for each in about for word in words]
    plain = {plain_heading(column): column for column in reversed(columns)}
    return next((plain[name] for name in [*names, *words] if name in plain), None)
