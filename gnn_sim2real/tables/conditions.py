"""Conditions in the columns of a table: rows of one material at several temperatures are not repeats of each other.

Nor are those of several samples: of other molecular weight, filler, crystallinity or age.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.tables.columns import plain_heading, read_heading
from gnn_sim2real.tables.properties import spellings_of
from gnn_sim2real.tables.texts import to_numbers, to_texts
from gnn_sim2real.units import convert

if TYPE_CHECKING:
    import pandas

At = Mapping[str, int | float | Sequence[int | float] | str]
"""Which rows are used, by the column of a condition: those at one value, those between two, those with a text, or `all`
of them."""

_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_WHERE = re.compile(
    rf"\s*(?P<name>[^=<>]+?)\s*=\s*(?P<value>[-+]?{_NUMBER})"
    rf"(?:\s*(?:\+-|\+/-|±)\s*(?P<within>{_NUMBER}))?\s*(?P<unit>[^\d\s].*)?"
)
"""One condition of `where`."""

_TEMPERATURE = "t|temp|temperature|temperatur|temperatura|temp_rature"  # the last is "température" in plain letters
_NAMES = re.compile(
    f"{_TEMPERATURE}|(?:temp|temperature)[kc]|kelvin|celsius|p|press|pressure|f|freq|frequency|humidity|rh|wavelength|"
    "lambda|ph|voltage|concentration|(?:electric_|magnetic_)?field|(?:strain|shear|heating|cooling|scan)_rate|"
    "measured_at|test(?:ed)?_at|state_of_matter|physical_state|(?:crystal_)?phase|solvent|salt|"
    "(?:crystal_|measurement_)?(?:direction|orientation|axis)"
)
"""Conditions, as `plain_heading` gives them."""

_OTHER_LETTERS = re.compile("温度|溫度|圧力|压力|壓力|周波数|频率|湿度|температура|давление", re.IGNORECASE)
"""Temperature, pressure, frequency and humidity in letters of which `plain_heading` leaves nothing."""

_CONTENT = "content|fraction|loading|amount|concentration|ratio|volume|volume_fraction|weight_fraction"
_SAMPLE = re.compile(
    "m[nwvz]|m_[nwvz]|(?:(?:number|weight|viscosity)_(?:average_)?|average_)?(?:molecular_(?:weight|mass)|molar_mass)"
    "(?:_m?[nwvz])?|molwt|mol_wt|pdi|dispersity|polydispersity(?:_index)?|(?:degree_of_)?polymeri[sz]ation_degree|"
    "degree_of_polymeri[sz]ation|dp|chain_length|"
    "(?:degree_of_|percent_)?crystallinity(?:_degree|_index)?|tacticity|"
    f"(?:(?:nano)?filler|additive|plastici[sz]er|dopant|fibre|fiber)s?(?:_(?:type|name|{_CONTENT}))?|doping|"
    f"(?:water|moisture|solvent)_(?:{_CONTENT}|uptake)|moisture|"
    "(?:(?:thermal_)?age?ing|anneal(?:ing)?|cur(?:e|ing)|storage|sinter(?:ing)?|exposure)(?:_(?:time|days?|hours?|h))?|"
    "(?:sample_|film_)?thickness|porosity|(?:grain|particle|crystallite)_size|draw_ratio"
)
"""Headings that tell of the sample, as `plain_heading` gives them."""
_AFTER_SAMPLE = r"_(?:g_mol|kg_mol|kda|da|wt|wt_percent|vol|vol_percent|percent|pct|phr|h|d|days|hours|um|nm|mm|avg)"

_BEFORE = (
    r"(?:meas|measured|measurement|measuring|test|testing|at|relative|rel|density|sample|exp|experimental|experiment|"
    r"sim|simulation|ambient|anneal|annealing|curing|log|log10|ln|1|10+|10_3)_"
)
_OF = r"_?(?:meas|measured|measurement|of_measurement|exp|expt|experiment|test|testing|sim|simulation)"
"""What may stand after a temperature, a pressure or a frequency: `T_meas`, `Texp`, `temperature_of_measurement`."""
_AFTER = (
    r"_(?:k|c|f|degc|deg_c|degf|celsius|kelvin|pa|kpa|mpa|gpa|bar|mbar|atm|torr|mmhg|psi|hz|khz|mhz|ghz|thz|nm|um|"
    r"percent|pct|rh|v|kv|mv|v_m|kv_mm|oe|tesla|s_1|1_s|mol_l|m|g_l)"
)

_EQUAL = 1e-5
"""Values of a condition that differ by less, relatively, are the same."""


class ConditionsVaryError(ValueError):
    """Rows of one material were measured at several values of a condition.

    Args:
        found: Which rows these are.
        advice: What to do.
        columns: Columns of the conditions.
    """

    def __init__(self, found: str, advice: str, columns: Sequence[str]) -> None:
        super().__init__(f"{found}; {advice}")
        self.found, self.advice, self.columns = found, advice, list(columns)


def read_where(text: str, columns: Sequence[str], source: str) -> At:
    """Read which rows are used, as a user writes it: `T = 298 +- 5`, `T = 25 +- 5 degC and pressure = 1`.

    Args:
        text: One condition or several, with `and` between them; without `+-` it is one value, or a text.
        columns: Headings of the table.
        source: Name of the file, for messages.

    Returns:
        The same as `At`, in the units of the columns.

    Raises:
        ValueError: If it cannot be read, or its unit is not that of the column and cannot be converted to it.
    """
    found: dict[str, int | float | Sequence[int | float] | str] = {}
    for part in re.split(r"\s+and\s+", text.strip()):
        read = _WHERE.fullmatch(part)
        name, _, word = part.partition("=")
        is_text = not read and word.strip() and not re.search(r"[<>=±]|\+-|^\s*[-+.\d]", word)
        if not is_text and not (read and _is_unit(read["unit"])):
            raise ValueError(
                f"`where` is NAME = VALUE, or NAME = VALUE +- TOLERANCE, as in `T = 298 +- 5`, got {part!r}"
            )
        column = _find_name(columns, name.strip(), source, "where")
        if column in found:
            raise ValueError(f"`where` names the column {column!r} twice: give one range, as in `T = 298 +- 5`")
        if not read:
            found[column] = word.strip()
            continue
        middle, within = float(read["value"]), float(read["within"] or 0)
        ends = np.array([middle - within, middle + within])
        if (unit := read["unit"]) is not None:
            of_column = read_heading(column).unit
            if of_column is None and not (unit == "K" and _is_temperature(column)):
                raise ValueError(
                    f"the heading {column!r} of {source} does not say its unit, so {unit!r} of `where` cannot be "
                    "compared with it: leave it out, for a value in the unit of the column"
                )
            ends = convert(ends, unit, of_column or "K")
        found[column] = [float(ends[0]), float(ends[1])]
    return found


def _is_unit(text: str | None) -> bool:
    """Whether what follows a number may be its unit."""
    return text is None or not re.match(r"[-+±.]", text)


def join_at(at: At | None, where: str | None, columns: Sequence[str], source: str) -> At:
    """Which rows are used, as both settings say.

    Args:
        at: Values by column.
        where: See `read_where`.
        columns: Headings of the table.
        source: Name of the file, for messages.

    Raises:
        ValueError: If one of them cannot be read, or both name one column.
    """
    said = {} if where is None else read_where(where, columns, source)
    if both := [name for name in at or {} if _find_name(columns, name, source, "at") in said]:
        raise ValueError(f"`at` and `where` both choose rows by {both[0]!r}; leave one of them out")
    return {**(at or {}), **said}


def _is_temperature(column: str) -> bool:
    return re.fullmatch(_TEMPERATURE, read_heading(column).name) is not None


def is_condition(column: str) -> bool:
    """Whether a heading names a condition of a measurement or a sample: `T`, `temp (K)`, `RH [%]`, `Mn`, `filler`.

    Args:
        column: The heading.
    """
    if _OTHER_LETTERS.search(column):
        return True
    name = read_heading(column).name
    bare = re.sub(r"_+$", "", plain_heading(re.sub(r"[\[(].*", "", column)))
    if any(len(spellings_of(each)) > 1 for each in (name, bare)):  # T_m, where a crystal melts
        return False
    spelled = {each for full in (name, bare) for each in (full, re.sub(f"{_AFTER}$", "", full))}
    spelled |= {re.sub(f"^{_BEFORE}", "", each) for each in spelled}
    spelled |= {re.sub(f"^({_TEMPERATURE}|p|press|pressure|f|freq|frequency){_OF}$", r"\1", each) for each in spelled}
    of_sample = {re.sub(f"{_AFTER_SAMPLE}$", "", each) for each in spelled}
    return column.strip() == "K" or any(map(_NAMES.fullmatch, spelled)) or any(map(_SAMPLE.fullmatch, of_sample))


def refuse_other_conditions(frame: "pandas.DataFrame", at: At, source: str) -> dict[int, str]:
    """Find the rows at other conditions than those wanted.

    Args:
        frame: The table.
        at: Wanted values, in the unit of the column.
        source: Name of the file, for messages.

    Returns:
        Reason by position.

    Raises:
        ValueError: If there is no such column, a wanted value is of another form, or no row has it.
    """
    reasons: dict[int, str] = {}
    for name, wanted in at.items():
        column = _find(frame, name, source)
        if wanted == "all":
            continue
        values, texts = _read_values(frame[column])
        low, high = _limits(name, _place(wanted, texts) if texts else wanted)
        fits = (values >= low - _EQUAL * abs(low)) & (values <= high + _EQUAL * abs(high))
        if not fits.any():
            known = np.unique(values[np.isfinite(values)])
            nearest = sorted(known[np.argsort(np.abs(known - (low + high) / 2))][:5].tolist())
            raise ValueError(
                f"{source} has no row with {column} {_spell(wanted)}: the nearest values are "
                f"{', '.join(_show(each, texts) for each in nearest) or 'none'}; change `at`"
            )
        for row in np.flatnonzero(~fits).tolist():
            reasons.setdefault(row, f"not at the {column} wanted: {frame[column].iloc[row]}")
    return reasons


def require_one_condition(
    frame: "pandas.DataFrame",
    codes: NDArray[np.int64],
    names: Sequence[str],
    at: At,
    not_conditions: Sequence[str],
    source: str,
) -> None:
    """Refuse to merge rows of one material that differ in a condition.

    Args:
        frame: The table.
        codes: (num_rows,); number of the material of each row, -1 for rows that are not used.
        names: Spelling of the material of each row.
        at: What a user decided, see `At`.
        not_conditions: Columns that are something else: the materials, the values.
        source: Name of the file, for messages.

    Raises:
        ConditionsVaryError: If they differ.
    """
    decided = {_find(frame, name, source) for name in at}
    sentences, columns, wanted = [], [], []
    for column in map(str, frame.columns):
        if column in decided or column in not_conditions or not is_condition(column):
            continue
        values, texts = _read_values(frame[column])
        used = (codes >= 0) & np.isfinite(values)
        if not used.any():
            continue
        size = int(codes.max()) + 1
        low, high = np.full(size, np.inf), np.full(size, -np.inf)
        np.minimum.at(low, codes[used], values[used])
        np.maximum.at(high, codes[used], values[used])
        varies = high - low > _EQUAL * np.maximum(np.abs(low), np.abs(high))
        if not varies.any():
            continue
        columns.append(column)
        widest = int(np.argmax(np.where(varies, high - low, -np.inf)))
        example = names[int(np.flatnonzero(codes == widest)[0])]
        most = _most_common(values[used])
        sentences.append(
            f"{int(varies.sum()):,} of {len(np.unique(codes[codes >= 0])):,} materials of {source} have rows at "
            f"several values of {column!r}, e.g. {example} from {_show(low[widest], texts)} to "
            f"{_show(high[widest], texts)}"
        )
        wanted.append(f"{column}: {_show(most, texts)}")
    if columns:
        everything = ", ".join(f"{column}: all" for column in columns)
        advice = (
            f"set `at: {{{', '.join(wanted)}}}` for the rows at one value (or [LOW, HIGH]), or `at: {{{everything}}}` "
            "to merge them by median"
        )
        raise ConditionsVaryError("; ".join(sentences), advice, columns)


def _find(frame: "pandas.DataFrame", name: str, source: str) -> str:
    return _find_name(list(map(str, frame.columns)), name, source, "at")


def _find_name(columns: Sequence[str], name: str, source: str, setting: str) -> str:
    found = [each for each in columns if each == name] or [
        each for each in columns if read_heading(each).name == plain_heading(name)
    ]
    if len(found) != 1:
        raise ValueError(f"{source} has no column {name!r} of `{setting}`: its columns are {', '.join(columns)}")
    return found[0]


def _limits(name: str, wanted: object) -> tuple[float, float]:
    given: list[Any] = list(wanted) if isinstance(wanted, list | tuple) else [wanted, wanted]
    if len(given) != 2 or not all(isinstance(each, int | float) and not isinstance(each, bool) for each in given):
        raise ValueError(f"`at` of {name!r} must be a number, two numbers [LOW, HIGH], or all, got {wanted!r}")
    return float(given[0]), float(given[1])


def _spell(wanted: object) -> str:
    return f"from {wanted[0]} to {wanted[1]}" if isinstance(wanted, list | tuple) else f"{wanted}"


def _read_values(cells: "pandas.Series[float]") -> tuple[NDArray[np.float64], list[str]]:
    """Numbers, NaN where there is none; of a column without any, the place of each text in the list of them."""
    numbers = to_numbers(cells)
    if np.isfinite(numbers).any():
        return numbers, []
    plain = [text.lower() for text in to_texts(cells)]
    texts = sorted({text for text in plain if text})
    place = {text: float(number) for number, text in enumerate(texts)}
    return np.array([place.get(text, np.nan) for text in plain]), texts


def _place(wanted: object, texts: Sequence[str]) -> int:
    """The place of a text in the list of them; that of none, -1."""
    text = str(wanted).strip().lower()
    return texts.index(text) if text in texts else -1


def _show(value: float, texts: Sequence[str]) -> str:
    return texts[int(value)] if texts else f"{value:g}"


def _most_common(values: NDArray[np.float64]) -> float:
    """The most common value; of several the one nearest to room temperature, where that is meant."""
    distinct, counts = np.unique(values, return_counts=True)
    most = distinct[counts == counts.max()]
    return float(most[np.argmin(np.abs(most - 298.15))])
