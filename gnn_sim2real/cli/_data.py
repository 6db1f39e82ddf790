"""What `gnn-sim2real data` lists, downloads and checks."""

import copy
import inspect
import logging
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from gnn_sim2real.cli._data_make import print_recipe, print_recipes
from gnn_sim2real.config.errors import read_yaml
from gnn_sim2real.config.misread import MisreadError
from gnn_sim2real.config.options import settings_as_options
from gnn_sim2real.console import open_console
from gnn_sim2real.data.data_set import title_of
from gnn_sim2real.data.module import DataSettings, PropertyDataModule
from gnn_sim2real.data.published import PublishedTable, compare_with_published, describe_likeness, find_published
from gnn_sim2real.data.registry import DataSheet, find_sheets, find_table_reader
from gnn_sim2real.data.variants import settings_of
from gnn_sim2real.databases.recipe import find_recipes
from gnn_sim2real.errors import DatasetNotFoundError
from gnn_sim2real.files import expand, has_keys, require_replaceable, write_json
from gnn_sim2real.foundation.jobs import cache_features
from gnn_sim2real.launchers.base import Place
from gnn_sim2real.launchers.shard import Shard
from gnn_sim2real.scales import DECADES
from gnn_sim2real.shotgun.table_argument import TableArgument, find_mixtures
from gnn_sim2real.store.vocabulary import find_unseen, find_vocabulary
from gnn_sim2real.tables.conditions import ConditionsVaryError
from gnn_sim2real.tables.crystal_columns import holds_crystals, is_table
from gnn_sim2real.tables.material_column import find_temperature
from gnn_sim2real.tables.measured_column import find_measured_column
from gnn_sim2real.tables.preview import describe_columns
from gnn_sim2real.tables.report import REPORT_KEYS, Comparison, DataReport, SimulatedFacts, make_report
from gnn_sim2real.tables.table import CleanTable, is_quarantine, name_quarantine, read_table

logger = logging.getLogger(__name__)


def print_list(name: str | None) -> None:
    """Print all data sets, or one with its citation.

    Args:
        name: The one.

    Raises:
        ValueError: If there is none of that name.
    """
    console, sheets = open_console(), find_sheets()
    if name is not None:
        print_recipe(name, console)
        if name in sheets or name not in find_recipes():
            _print_sheet(*_sheet(name), console)
        return
    name_column, properties = (
        Column("name", no_wrap=True),
        Column("properties", overflow="fold"),
    )  # to be typed as shown
    table = Table(name_column, "kind", "rows", properties, "license", "from", box=None, pad_edge=False)
    table.header_style = "bold"
    for sheet, _ in sheets.values():
        units = ", ".join(f"{prop} [{unit or '-'}]" for prop, unit in sheet.units.items())
        rows = f"{sheet.num_rows:,}" if sheet.num_rows else "?"
        table.add_row(*map(escape, (sheet.name, sheet.kind, rows, units, sheet.license, sheet.origin)))
    console.print(table)
    print_recipes(console)
    console.print("\ngnn-sim2real data list NAME: citation and YAML; your own file: datamodules.Table", highlight=False)


def _print_sheet(sheet: DataSheet, module: type[PropertyDataModule], console: Console) -> None:
    units = ", ".join(f"{name} {unit or '(dimensionless)'}" for name, unit in sheet.units.items())
    settings = "".join(f"\n    {name}: {_yaml(value)}" for name, value in sheet.settings.items())
    package = "datamodules" if module.__module__.startswith("datamodules.") else module.__module__  # a plug-in
    lines = [
        f"{sheet.name}: {sheet.kind}, {f'{sheet.num_rows:,} rows' if sheet.num_rows else 'number of rows not known'}",
        f"properties: {units}",
        f"license: {sheet.license}",
        f"cite: {sheet.citation}",
        f"from: {sheet.origin}",
        f"\ndata:\n  class_path: {package}.{module.__name__}" + (f"\n  init_args:{settings}" if settings else ""),
    ]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _yaml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_yaml(each)}" for name, each in value.items()) + "}"
    return "[" + ", ".join(map(_yaml, value)) + "]" if isinstance(value, list | tuple) else str(value)


def get(name: str, *, new: bool) -> None:
    """Download a data set, or all that a YAML names, and print where it is.

    Args:
        name: Name of a data set, or the YAML.
        new: Whether a new snapshot of a database is taken.

    Raises:
        ValueError: If there is none of that name, or no snapshot can be taken of it.
    """
    console = open_console()
    for data in _modules_of(name, {}):
        download = getattr(data, "download", None)
        if download is not None:
            found = download(new=new).describe()
        elif new:
            raise ValueError(f"`--new` is for databases that change; {name} does not")
        else:
            found = data.table.summary().replace("\n", "; ")
        console.print(f"{title_of(data)}: {found}", markup=False, highlight=False, soft_wrap=True)


def check(
    name: str,
    settings: dict[str, Any],
    *,
    options: Sequence[str],
    against: Sequence[str],
    like: str | None,
    quarantine: Path | None,
    json: Path | None,
    overwrite: bool,
) -> None:
    """Check a data set, and print what was found.

    Args:
        name: A file, a folder of crystals, a data set or a YAML.
        settings: What to read from a file.
        options: Settings that have an option of this command.
        against: Further data sets.
        like: A published result.
        quarantine: Where to write the refused rows.
        json: Where to write the report.
        overwrite: Whether other files are replaced.

    Raises:
        ValueError: If it is not clear what is to be read, or a file would be lost.
    """
    if "property" not in settings and _is_own_file(name):
        if like or against:
            raise ValueError(f"to compare values, say of what: add `{_options_of(name)}`")
        _show_columns(name)
        return
    if "property" in settings and _is_own_file(name):
        settings = settings | {"unit": _find_unit(name, settings)}
    typed = {
        *options,
        *inspect.signature(find_table_reader()).parameters,
        *(each.name for each in fields(DataSettings)),
    }
    typed = typed if settings else set()  # else they are those of a YAML
    with settings_as_options(lambda each: f"--{each.replace('_', '-')}" if each in typed else None):
        console = open_console()
        published = None if like is None else _find_published(like)
        data, *_ = _modules_of(name, settings)
        named = [value for value in data.given.values() if isinstance(value, str)]  # the files that a YAML names
        require_replaceable(
            *(each for each in (quarantine, json) if each is not None),
            is_ours=lambda path: is_quarantine(path) if path == quarantine else has_keys(path, *REPORT_KEYS),
            inputs=[expand(each) for each in (name, *against, *named)],
            overwrite=overwrite,
        )
        warnings: list[str] = []
        data = _read_all(data, name, warnings)
        plain = {each: value for each, value in settings.items() if not each.startswith("simulated_")}
        others = {each: _read_all(_modules_of(each, plain)[0], each, warnings) for each in against}
        report = make_report(data.table, {each: other.table for each, other in others.items()})
        likeness = None if published is None else compare_with_published(data.table, published)
        _print_report(report, console)
        if published is not None and likeness is not None:
            for line in describe_likeness(likeness, published):
                console.print(line, markup=False, highlight=False, soft_wrap=True)
        for line in [*_compare_vocabularies(data, others), *warnings]:
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        quarantine = quarantine or name_quarantine(Path(), Path(name).stem)
        more = (
            {}
            if published is None or likeness is None
            else {"like": {"table": published.name, "is_same": likeness.is_same, **asdict(likeness)}}
        )
        _save(data.table, report.to_json() | more, quarantine, json, console)


def _show_columns(name: str) -> None:
    console = open_console()
    for line in describe_columns(name):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    more = f"\nadd `{_options_of(name)}` to see what a training would read"
    console.print(more, markup=False, highlight=False, soft_wrap=True)


def _options_of(name: str) -> str:
    """What says which property of a file is read, as far as its headings tell."""
    path = expand(name)
    try:
        if not path.is_file():
            raise ValueError(f"{name} is a folder")
        found = find_measured_column(path)
    except ValueError:
        return "--property NAME --unit UNIT"
    return shlex.join(["--property", found.property, "--unit", found.unit])


def cache_features_of(name: str, settings: dict[str, Any], foundation: str, place: Place, shard: str | None) -> None:
    """Compute what features of a foundation encoder are missing.

    Args:
        name: A file, a data set or a YAML.
        settings: What to read from a file.
        foundation: Name of the encoder.
        place: Where it is computed.
        shard: Which part of the materials, i/N; all unless given.

    Raises:
        ValueError: If there is no such encoder, or it does not read the materials.
    """
    console = open_console()
    part = None if shard is None else Shard.parse(shard)
    for data in _modules_of(name, settings):
        kind, materials = data.featurizer.name, data.table.materials
        count = cache_features(foundation, materials, kind, place, shard=part)
        text = f"{count:,} materials computed, the others of {len(materials):,} were there"
        console.print(f"{foundation}: {text}", markup=False, highlight=False, soft_wrap=True)


def _find_published(name: str) -> PublishedTable:
    published = find_published()
    if name not in published:
        raise ValueError(f"there are no hashes of {name!r}; there are those of {', '.join(sorted(published))}")
    return published[name]


def _read_all(data: PropertyDataModule, name: str, warnings: list[str]) -> PropertyDataModule:
    """Read a table; where rows of one material differ in a condition, with all rows, and with a warning."""
    try:
        _ = data.table
    except ConditionsVaryError as error:
        if "at" not in settings_of(type(data)):
            raise
        warnings.append(f"\nWARNING: no training reads {name} so: {error}")
        data = data.variant(at={**(data.given.get("at") or {}), **dict.fromkeys(error.columns, "all")})
    return data


def _compare_vocabularies(data: PropertyDataModule, others: dict[str, PropertyDataModule]) -> list[str]:
    """Elements, bonds and charges that only one of two data sets has."""
    lines = []
    for name, other in others.items():
        ours, theirs = find_vocabulary(data.store), find_vocabulary(other.store)
        for unseen, where, missing in (
            (find_unseen(data.store, theirs), "here", f"in {name}"),
            (find_unseen(other.store, ours), f"in {name}", "here"),
        ):
            if unseen.counts:
                lines.append(f"{unseen.describe(where)} have what is never {missing}: {unseen.list_counts()}")
    return lines


def _save(table: CleanTable, report: dict[str, Any], quarantine: Path, json: Path | None, console: Console) -> None:
    if not table.quarantine.empty:
        table.write_quarantine(quarantine)
        console.print(f"\nrefused rows and values, with reasons: {quarantine}", markup=False, highlight=False)
    if json is not None:
        write_json(json, report)


def settings_of_options(options: object, others: Sequence[str]) -> dict[str, Any]:
    """All settings of the data module: its options, and further ones.

    Args:
        options: Options of the command, None for those that are not given.
        others: See `read_settings`.
    """
    return {name: value for name, value in vars(options).items() if value is not None} | read_settings(others)


def read_settings(argv: Sequence[str]) -> dict[str, Any]:
    """Settings of the data module that are no option of the command: `--cutoff 6` or `--cutoff=6`.

    Args:
        argv: Arguments of the command line.

    Raises:
        ValueError: If one has no value, or it cannot be read.
    """
    settings: dict[str, Any] = {}
    rest = iter(argv)
    for word in rest:
        name, equals, value = word.partition("=")
        text = value if equals else next(rest, None)
        if text is None:
            raise ValueError(f"`{name}` needs a value")
        try:
            settings[name.lstrip("-").replace("-", "_")] = read_yaml(text)
        except yaml.YAMLError as error:
            said = error.problem if isinstance(error, MisreadError) else None
            raise ValueError(
                f"cannot read `{name}`: {said or f'{text!r} is not YAML; put texts with special letters in quotes'}"
            ) from error
    return settings


def _modules_of(name: str, settings: dict[str, Any]) -> list[PropertyDataModule]:
    """The data module of a name; for a YAML, also the data modules whose materials it excludes."""
    if _is_config(name):
        from gnn_sim2real.config.lightning_cli import read_stage

        parser, config = read_stage(Path(name))
        data_only = copy.deepcopy(config)
        data_only.model = None
        data: PropertyDataModule = parser.instantiate(data_only).data
        return [data, *data.settings.excluded]
    if _is_file(name):
        if "property" not in settings:
            raise ValueError(f"choose what to read from {name} with --property")
        settings = settings | {"unit": _find_unit(name, settings)}
        return [_make_table(name, _with_source(settings))]
    sheet, module = _sheet(name)
    own = {each: value for each, value in settings.items() if each.startswith("simulated_")}
    return [module(**dict(sheet.settings), **_with_source(own))]


def _with_source(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings with the data set that `--simulated-from` names: a data set of the list, a YAML or a file."""
    if (name := settings.get("simulated_from")) is None:
        return settings
    plain: dict[str, Any] = {each: value for each, value in settings.items() if each in ("property", "unit")}
    (source, *_) = _modules_of(name, plain)
    if "representation" in {each.name for each in fields(source.settings)}:
        source = source.variant(representation="composition")  # its graphs are not needed
    return settings | {"simulated_from": source}


def _make_table(name: str, settings: dict[str, Any]) -> PropertyDataModule:
    """The data module of a file: of pairs, blends and copolymers where its headings say so."""
    of_mixtures = _find_mixtures(name, settings)
    try:
        return find_table_reader(of_mixtures.reader)(path=name, **settings, **of_mixtures.settings)
    except TypeError as error:
        if (found := re.search(r"unexpected keyword argument '(\w+)'", str(error))) is None:
            raise
        option = found[1].replace("_", "-")
        where = "" if of_mixtures.reader == "Table" else f" for tables of {of_mixtures.text}"
        raise ValueError(
            f"there is no option `--{option}`{where}; `gnn-sim2real data check --help` lists them"
        ) from error


def _find_unit(name: str, settings: dict[str, Any]) -> str:
    """The unit that is given, or that of the heading of the property.

    Raises:
        ValueError: If there is none.
    """
    if "unit" in settings:
        return str(settings["unit"])
    file = expand(name)
    if not file.is_file() or not is_table(file):
        raise ValueError(f"choose the unit of {settings['property']!r} in {name} with --unit")
    return find_measured_column(file, settings["property"], settings.get("column")).unit


def _find_mixtures(name: str, settings: dict[str, Any]) -> TableArgument:
    """How a file of pairs, blends or copolymers is read; nothing to add where it is one of other materials."""
    file, nothing = expand(name), TableArgument({}, [], "")
    if {"material", "material_column", "attachment"} & settings.keys() or not (file.is_file() and is_table(file)):
        return nothing
    headings = [str(each) for each in read_table(file)]
    if holds_crystals(file) or (found := find_mixtures(headings)) is None:
        return nothing
    column = find_measured_column(file, settings["property"], settings.get("column"), settings["unit"]).column
    added = found.settings | ({} if "column" in settings else {"column": column})
    temperature = find_temperature([each for each in headings if each != column])
    if temperature is not None and not {"at", "where", "conditions"} & settings.keys():
        added["temperature"] = temperature
    return TableArgument(added, [], found.text)


def _is_own_file(name: str) -> bool:
    """Whether a name is that of a file or folder of the user's, and not of a YAML or of a data set."""
    return not _is_config(name) and _is_file(name)


def _is_config(name: str) -> bool:
    return Path(name).suffix in (".yaml", ".yml")


def _is_file(name: str) -> bool:
    if expand(name).exists():
        return True
    if name in find_sheets():
        return False
    if Path(name).suffix:
        raise DatasetNotFoundError(f"there is no file {name}: check the path")
    return False


def _sheet(name: str) -> tuple[DataSheet, type[PropertyDataModule]]:
    sheets = find_sheets()
    if name not in sheets:
        raise ValueError(f"there is no data set {name!r}: `gnn-sim2real data list` has {', '.join(sheets)}")
    return sheets[name]


def _print_report(report: DataReport, console: Console) -> None:
    def show(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    show(f"rows read      {report.num_rows_read:,}")
    show(f"rows refused   {report.num_rows_refused:,}")
    for reason, count in report.refusals.items():
        show(f"  {count:>9,}    {reason}; e.g. {report.examples[reason]}")
    show(f"materials      {report.num_materials:,}, in {report.num_groups:,} groups, which a split never divides")
    for each in report.properties:
        unit = "" if each.unit == "dimensionless" else f" {each.unit}"
        read = "" if each.file_unit == each.unit else f", read as {each.file_unit}"
        limits = f", {each.num_limits:,} of them limits of detection" if each.num_limits else ""
        show(f"{each.name}: {each.count:,} values{read}{limits}")
        show(f"  lowest {each.minimum:.6g}, median {each.median:.6g}, highest {each.maximum:.6g}{unit}")
        if each.is_constant:
            show("  WARNING: all values are the same, so there is nothing to learn; is this the right column?")
        if each.num_duplicates:
            of_spread = DECADES if each.spread_unit == DECADES else unit.strip()
            show(
                f"  materials with several rows: {each.num_duplicates:,}, merged by median: half range "
                f"{each.median_spread:.3g} in the median, {f'{each.largest_spread:.3g} {of_spread}'.rstrip()} at most"
            )
    beyond = sum(each.is_beyond for each in report.duplicates)
    if report.duplicates:
        show(
            f"rows that disagree most, by material; {beyond:,} of them by more than the standard deviation of the table"
        )
        for duplicate in report.duplicates[: max(5, min(beyond, 20))]:
            show(f"  {duplicate.property} of {duplicate.describe()}")
    _show_simulated(report.simulated, show)
    for overlap in report.overlaps:
        show(
            f"shared with {overlap.other}: {overlap.shared:,} groups, {100 * overlap.here:.1f} % of those here and "
            f"{100 * overlap.there:.1f} % of those there"
        )
        for comparison in overlap.comparisons:
            _show_comparison(comparison, show)


def _show_simulated(found: SimulatedFacts | None, show: Callable[[str], None]) -> None:
    if found is None:
        return
    unit = "" if found.unit == "dimensionless" else f" {found.unit}"
    origin = f" (from {found.origin})" if found.origin else ""
    share = 100 * found.count / found.num_materials
    show(
        f"simulated {found.property} of {found.count:,} of {found.num_materials:,} materials ({share:.0f} %){origin}: "
        + (f"r {found.correlation:.3f}, " if found.correlation is not None else "")
        + f"simulated minus measured {found.bias:.4g}{unit} in the mean, MAE {found.mae:.4g}{unit}"
    )
    for each in found.worst:
        show(f"    {each.material}: {each.here:.6g} measured, {each.there:.6g} simulated")


def _show_comparison(found: Comparison, show: Callable[[str], None]) -> None:
    unit = "" if found.unit == "dimensionless" else f" {found.unit}"
    ratio = "" if found.median_ratio is None else f", ratio {found.median_ratio:.4g}"
    show(
        f"  {found.property} of {found.count:,} shared materials: here minus there {found.median_difference:.4g}{unit} "
        f"in the median{ratio}"
    )
    if found.median_ratio is not None and not 0.2 < found.median_ratio < 5:
        show("  WARNING: the values are of another size: are both units right?")
    for each in found.worst:
        show(f"    {each.material}: {each.here:.6g} here, {each.there:.6g} there")
