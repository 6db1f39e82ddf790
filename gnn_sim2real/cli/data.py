"""`gnn-sim2real data list | get | make | check | features`."""

import copy
import inspect
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser, Namespace
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from gnn_sim2real.cli.data_features import OPTIONS, cache_of, features_parser
from gnn_sim2real.cli.data_make import make_command, print_recipe, print_recipes
from gnn_sim2real.config.errors import read_yaml
from gnn_sim2real.config.misread import MisreadError
from gnn_sim2real.config.options import parse_options, settings_as_options
from gnn_sim2real.console import open_console
from gnn_sim2real.data.data_set import title_of
from gnn_sim2real.data.module import DataSettings, PropertyDataModule
from gnn_sim2real.data.published import PublishedTable, compare_with_published, describe_likeness, find_published
from gnn_sim2real.data.registry import DataSheet, find_sheets, find_table_reader
from gnn_sim2real.data.simulated import SimulatedSettings
from gnn_sim2real.data.variants import settings_of
from gnn_sim2real.databases.recipe import find_recipes
from gnn_sim2real.errors import DatasetNotFoundError
from gnn_sim2real.files import expand, has_keys, require_replaceable, write_json
from gnn_sim2real.store.vocabulary import find_unseen, find_vocabulary
from gnn_sim2real.tables.conditions import ConditionsVaryError
from gnn_sim2real.tables.preview import describe_columns
from gnn_sim2real.tables.report import REPORT_KEYS, Comparison, DataReport, SimulatedFacts, make_report
from gnn_sim2real.tables.table import CleanTable, is_quarantine, name_quarantine

_HELP = """usage: gnn-sim2real data list [NAME]
       gnn-sim2real data get NAME|CONFIG.yaml [--new]
       gnn-sim2real data make NAME [--output FOLDER] [--overwrite]
       gnn-sim2real data check FILE|NAME|CONFIG.yaml [--property P --unit U] [--against FILE|NAME ...] [options]
       gnn-sim2real data features FILE|NAME|CONFIG.yaml --foundation NAME [--launcher L] [--workers K] [--shard i/N]

list   all data sets: kind, rows, properties with units, license, origin; with NAME also how to cite that one
get    download a data set and print where it is; for a database, its snapshot (--new: a new one, as of today).
       With the YAML of a training, everything it names is downloaded, so that the training needs no network
make   make a table from public files: first its licenses, size and time are told, then the files are downloaded and
       checked, the table is built, checked and written where data sets look for it. What was downloaded stays
check  rows read and refused, with reasons; duplicates and their spread; units and ranges; materials shared with other
       data sets, by canonical identity, and the difference of their values; elements, bonds and charges of one only
         --property P --unit U  what to read from a file; without them its columns are listed
         --column, --file-unit, --material-column ...   as in `data.init_args` of datamodules.Table
         --simulated-column C   column with simulated values of the same property, compared with the measured ones
         --simulated-from X     a data set or file that has it, in which each material is looked up
         --against X            another data set or file (with the same --property and --unit); may be repeated
         --like RESULT          whether it equals the table behind a published result, such as polymer_density, of which
                                hashes come with the package
         --quarantine FILE.csv  where to write the refused rows (default: quarantine_NAME.csv)
         --json FILE.json       where to write the report as JSON
         --overwrite            replace files that this command did not write; what is read is never replaced
features  compute the features of a foundation encoder, which every command then finds in the cache; on the launchers of
       studies (serial, processes, ray), or a part of the materials in each job of an array (--shard)"""

logger = logging.getLogger(__name__)


def data_command(argv: list[str]) -> int:
    """Run a data command.

    Args:
        argv: Arguments after `gnn-sim2real data`.

    Returns:
        Exit code.

    Raises:
        ValueError: If there is no such command.
    """
    console = open_console()
    match argv:
        case ["list", *rest]:
            return _list(rest, console)
        case ["get", *rest]:
            return _get(rest, console)
        case ["make", *rest]:
            return make_command(rest, console)
        case ["check", *rest]:
            return _check(rest, console)
        case ["features", *rest]:
            return _features(rest, console)
        case [] | ["-h" | "--help"]:
            console.print(_HELP, markup=False, highlight=False)
            return 0
    raise ValueError(f"there is no command `data {argv[0]}`; choose list, get, make, check or features")


def _list(argv: list[str], console: Console) -> int:
    parser = ArgumentParser(prog="gnn-sim2real data list", description="List the known data sets.")
    parser.add_argument("name", nargs="?", help="show only this one, with its citation and the YAML that uses it")
    name = parse_options(parser, argv).name
    sheets = find_sheets()
    if name is not None:
        print_recipe(name, console)
        if name in sheets or name not in find_recipes():
            _print_sheet(*_sheet(name), console)
        return 0
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
    return 0


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


def _get(argv: list[str], console: Console) -> int:
    parser = ArgumentParser(prog="gnn-sim2real data get", description="Download a data set.")
    parser.add_argument("name", help="a name from `data list`, or the YAML of a training")
    parser.add_argument("--new", action="store_true", help="take a new snapshot of a database even if there is one")
    given = parse_options(parser, argv)
    for data in _modules_of(given.name, {}):
        download = getattr(data, "download", None)
        if download is not None:
            found = download(new=given.new).describe()
        elif given.new:
            raise ValueError(f"`--new` is for databases that change; {given.name} does not")
        else:
            found = data.table.summary().replace("\n", "; ")
        console.print(f"{title_of(data)}: {found}", markup=False, highlight=False, soft_wrap=True)
    return 0


def _check(argv: list[str], console: Console) -> int:
    parser = ArgumentParser(prog="gnn-sim2real data check", description="Check a data set.")
    parser.add_argument("name", help="a file, a folder of crystals, a name from `data list`, or the YAML of a training")
    parser.add_argument("--against", action="append", default=[], help="another data set or file; may be repeated")
    parser.add_argument("--like", help="a published result, with whose table it is compared by hashes")
    parser.add_argument("--quarantine", type=Path, help="where to write the refused rows")
    parser.add_argument("--json", type=Path, help="where to write the report as JSON")
    parser.add_argument("--overwrite", action="store_true", help="replace files that this command did not write")
    if {"-h", "--help"} & {*argv}:
        of_training = {each.name for each in fields(DataSettings)} - {each.name for each in fields(SimulatedSettings)}
        parser.add_argument(
            "--simulated_from",
            help="a data set, YAML or file with the same property simulated, in which each material is looked up",
        )
        parser.add_function_arguments(find_table_reader(), skip={"path", *of_training})
        parser.usage = "gnn-sim2real data check FILE|FOLDER|NAME|CONFIG.yaml [options]"
        # jsonargparse's word for a default that another setting decides
        text = re.sub(r",\s+default:\s+Conditional<ast-resolver>\s+\{[^}]*\}", "", parser.format_help())
        console.print(text, markup=False, highlight=False, soft_wrap=True)
        return 0
    argv, settings = _split_settings(argv)
    given = parse_options(parser, argv)
    if "property" not in settings and not _is_config(given.name) and _is_file(given.name):
        if given.like or given.against:
            raise ValueError("to compare values, say of what: add `--property NAME --unit UNIT`")
        for line in describe_columns(given.name):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        console.print(
            "\nadd `--property NAME --unit UNIT` to see what a training would read", markup=False, highlight=False
        )
        return 0
    typed = {*inspect.signature(find_table_reader()).parameters, *(each.name for each in fields(DataSettings))}
    typed = typed if settings else set()  # else they are those of a YAML
    with settings_as_options(lambda name: f"--{name.replace('_', '-')}" if name in typed else None):
        return _check_values(given, settings, console)


def _check_values(given: Namespace, settings: dict[str, Any], console: Console) -> int:
    """Read all rows, and report."""
    published = None if given.like is None else _find_published(given.like)
    data, *_ = _modules_of(given.name, settings)
    _require_replaceable(given, data)
    warnings: list[str] = []
    data = _read_all(data, given.name, warnings)
    plain = {name: value for name, value in settings.items() if not name.startswith("simulated_")}
    others = {name: _read_all(_modules_of(name, plain)[0], name, warnings) for name in given.against}
    report = make_report(data.table, {name: other.table for name, other in others.items()})
    likeness = None if published is None else compare_with_published(data.table, published)
    _print_report(report, console)
    if published is not None and likeness is not None:
        for line in describe_likeness(likeness, published):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    for line in [*_compare_vocabularies(data, others), *warnings]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    quarantine = given.quarantine or name_quarantine(Path(), Path(given.name).stem)
    more = (
        {}
        if published is None or likeness is None
        else {"like": {"table": published.name, "is_same": likeness.is_same, **asdict(likeness)}}
    )
    _save(data.table, report.to_json() | more, quarantine, given.json, console)
    return 0


def _features(argv: list[str], console: Console) -> int:
    parser = features_parser()
    if {"-h", "--help"} & {*argv}:
        console.print(parser.format_help(), markup=False, highlight=False, soft_wrap=True)
        return 0
    argv, settings = _split_settings(argv, OPTIONS)
    given = parse_options(parser, argv)
    return cache_of(given, _modules_of(given.name, settings), console)


def _find_published(name: str) -> PublishedTable:
    published = find_published()
    if name not in published:
        raise ValueError(f"there are no hashes of {name!r}; there are those of {', '.join(sorted(published))}")
    return published[name]


def _require_replaceable(given: Namespace, data: PropertyDataModule) -> None:
    """Refuse to write over what is read, or over a file that is no earlier report or quarantine."""
    named = [value for value in data.given.values() if isinstance(value, str)]  # the files that a YAML names
    require_replaceable(
        *(each for each in (given.quarantine, given.json) if each is not None),
        is_ours=lambda path: is_quarantine(path) if path == given.quarantine else has_keys(path, *REPORT_KEYS),
        inputs=[expand(each) for each in (given.name, *given.against, *named)],
        overwrite=given.overwrite,
    )


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


_PLAIN = (
    "unit",
    "file_unit",
    "property",
    "column",
    "attachment",
    "simulated_column",
    "simulated_unit",
    "simulated_from",
)
"""Settings that are texts, also where YAML would read something else."""

_OWN = ("--against", "--like", "--quarantine", "--json")
_FLAGS = ("--overwrite", "--help")


def _split_settings(argv: list[str], options: Sequence[str] = _OWN) -> tuple[list[str], dict[str, Any]]:
    """Arguments of the command itself, and settings of the data module: `--unit g/cm3` or `--unit=g/cm3`."""
    import yaml

    own: list[str] = []
    settings: dict[str, Any] = {}
    rest = iter(argv)
    for word in rest:
        name, equals, value = word.partition("=")
        if not name.startswith("--") or name in (*options, *_FLAGS):
            own += [word] if equals or name not in options else [word, next(rest, "")]
            continue
        text = value if equals else next(rest, None)
        if text is None:
            raise ValueError(f"`{name}` needs a value")
        setting = name.removeprefix("--").replace("-", "_")
        plain = setting in _PLAIN
        try:
            settings[setting] = text if plain else read_yaml(text)
        except yaml.YAMLError as error:
            said = error.problem if isinstance(error, MisreadError) else None
            raise ValueError(
                f"cannot read `{name}`: {said or f'{text!r} is not YAML; put texts with special letters in quotes'}"
            ) from error
    return own, settings


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
        missing = [each for each in ("property", "unit") if each not in settings]
        if missing:
            raise ValueError(f"choose what to read from {name} with --{' and --'.join(missing)}")
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
    """The data module of a file."""
    try:
        return find_table_reader()(name, **settings)
    except TypeError as error:
        if (found := re.search(r"unexpected keyword argument '(\w+)'", str(error))) is None:
            raise
        option = found[1].replace("_", "-")
        raise ValueError(f"there is no option `--{option}`; `gnn-sim2real data check --help` lists them") from error


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
        show(f"{each.name}: {each.count:,} values{read}")
        show(f"  lowest {each.minimum:.6g}, median {each.median:.6g}, highest {each.maximum:.6g}{unit}")
        if each.is_constant:
            show("  WARNING: all values are the same, so there is nothing to learn; is this the right column?")
        if each.num_duplicates:
            show(
                f"  materials with several rows: {each.num_duplicates:,}, merged by median: half range "
                f"{each.median_spread:.3g} in the median, {each.largest_spread:.3g}{unit} at most"
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
