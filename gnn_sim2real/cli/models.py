"""`gnn-sim2real models list | show | verify | export | import | push | pull | build`."""

import json
import logging
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import orjson
import yaml
from jsonargparse import ArgumentParser
from rich.console import Console

from gnn_sim2real.config.options import parse_options, take_options
from gnn_sim2real.console import open_console, visible
from gnn_sim2real.files import require_replaceable
from gnn_sim2real.foundation import ENCODERS
from gnn_sim2real.library import default_library
from gnn_sim2real.library.card import Card, CardFilters
from gnn_sim2real.library.content import find_library
from gnn_sim2real.library.folder import ModelLibrary
from gnn_sim2real.library.starter import (
    PREFIX,
    find_starter,
    format_simulated,
    is_address,
    starter_folder,
    starter_names,
)

logger = logging.getLogger(__name__)

_HELP = """usage: gnn-sim2real models list [--property P] [--domain D] [--architecture A] [--min-r2 R2] ... [--json]
       gnn-sim2real models show KEY
       gnn-sim2real models verify
       gnn-sim2real models export ARCHIVE.tar.gz [KEY ...] [--property P ...] [--overwrite]
       gnn-sim2real models import ARCHIVE.tar.gz
       gnn-sim2real models push URL [KEY ...] [--property P ...]
       gnn-sim2real models pull URL [--property P ...]
       gnn-sim2real models build -c LIBRARY.yaml [--workers K] [options]

list    one line per model, with its error on the validation part of its source; then the foundation encoders
show    the card of one model: data, license, citation, settings; KEY may be its first characters
verify  check hashes and cards of all models
export  write models to one file: all of them unless keys or filters are given
import  add the models of such a file; they are checked before any of them is added
push    copy models to a folder, s3://BUCKET/FOLDER, hf://USER/REPOSITORY or whatever else fsspec opens
pull    copy models from there; both push and pull skip models that are already present
build   pretrain the models of a LIBRARY.yaml; after a stop, the same command resumes

All but `build` accept --library DIR (default: $GNN_SIM2REAL_LIBRARY, else runs/library). The starter library comes with
the package: --library starter: is that, its models are starter:DOMAIN/PROPERTY (`models show starter:polymer/density`),
and `list` shows them after those of your own. Filters: --domain, --source,
--property, --architecture, --min-size, --max-size, --min-r2, --max-mae (in the unit of --property)."""


def models_command(argv: list[str]) -> int:
    """Run a command of the model library.

    Args:
        argv: Arguments after `gnn-sim2real models`.

    Returns:
        Exit code: 1 if something is wrong with a model.

    Raises:
        ValueError: If there is no such command.
    """
    console = open_console()
    commands = {
        "list": _list,
        "show": _show,
        "verify": _verify,
        "export": _export,
        "import": _import,
        "push": _push,
        "pull": _pull,
        "build": _build,
    }
    if not argv or argv[0] in ("-h", "--help"):
        console.print(_HELP, markup=False, highlight=False)
        return 0
    if argv[0] not in commands:
        raise ValueError(f"there is no command `models {argv[0]}`; choose {', '.join(commands)}")
    return commands[argv[0]](argv[1:], console)


_FILTERS: dict[str, tuple[Any, str]] = {
    "--domain": (str, "polymer, molecule, crystal, mixture or composition"),
    "--source": (str, "name of the source"),
    "--property": (str, "a property that the model predicts"),
    "--architecture": (str, "name of the encoder"),
    "--min-size": (int, "smallest number of source materials"),
    "--max-size": (int, "largest number of source materials"),
    "--min-r2": (float, "smallest R2 on the validation part, of --property if given, else of all properties"),
    "--max-mae": (float, "largest mean absolute error on the validation part, in the unit of --property"),
}
"""Type and help of each option that chooses models; `CardFilters` has a field for each."""


def _parser(name: str, description: str, filters: bool = False) -> ArgumentParser:
    parser = ArgumentParser(prog=f"gnn-sim2real models {name}", description=description, exit_on_error=False)
    for option, (kind, about) in _FILTERS.items() if filters else ():
        parser.add_argument(option, type=kind | None, default=None, help=about)
    parser.add_argument("--library", type=Path, default=default_library(), help="folder of the models, or starter:")
    return parser


def _filters(given: Any) -> dict[str, Any]:
    return {each.name: given[each.name] for each in fields(CardFilters)}


def _chosen(given: Any) -> tuple[ModelLibrary, list[str]]:
    """The library, and the keys of the models that are chosen by key or by filters."""
    library = ModelLibrary(find_library(given.library))
    filters = _filters(given)
    if given.keys_ and any(value is not None for value in filters.values()):
        raise ValueError("choose models by keys or by filters, not by both")
    keys = [library.find(key) for key in given.keys_]
    if not keys:
        cards = library.cards(**filters)
        keys = [card.key for card in cards if card.identities]
        if len(keys) < len(cards):
            logger.warning("%d models are left out: they are of format 1, which has no hash", len(cards) - len(keys))
    if not keys:
        raise ValueError(f"{library.folder} has no such model; `{library.command('list')}` lists its models")
    return library, keys


def _list(argv: list[str], console: Console) -> int:
    parser = _parser("list", "List the models of a library.", filters=True)
    parser.add_argument("--json", action="store_true", help="print the cards as JSON, one per line")
    given = parse_options(parser, argv)
    library = ModelLibrary(find_library(given.library))
    cards = library.cards(**_filters(given))
    if given.json:
        sys.stdout.write("".join(f"{_as_json(card)}\n" for card in cards))
        return 0
    shipped = ModelLibrary(starter_folder())
    if library.folder != shipped.folder:
        _print_cards(cards, library, console)
    if library.folder == shipped.folder or given.library == default_library():
        _print_cards(shipped.cards(**_filters(given)), shipped, console)
    if all(value is None for value in _filters(given).values()):  # which are about our own models
        console.print(f"\n{format_encoders()}", markup=False, highlight=False, soft_wrap=True, end="")
    return 0


def _print_cards(cards: Sequence[Card], library: ModelLibrary, console: Console) -> None:
    if cards:
        sys.stdout.write(format_cards(cards))
    console.print(f"{len(cards):,} models in {library}", markup=False, highlight=False, soft_wrap=True)
    if cards and library.folder == starter_folder():
        known = {key: name for name, key in starter_names().items()}
        names = textwrap.fill(", ".join(sorted(known[card.key] for card in cards if card.key in known)), 118)
        console.print(f"{PREFIX}NAME is one of these, or the best if its last part is left out:", markup=False)
        console.print(textwrap.indent(names, "  "), markup=False, highlight=False, soft_wrap=True)


def _as_json(card: Card) -> str:
    text = orjson.dumps(card._asdict()).decode()
    return text if text.isascii() else json.dumps(card._asdict())  # where orjson escapes not every control character


def format_encoders() -> str:
    """Format all foundation encoders as text: name, version, kinds of materials, licence, and what each has seen."""
    rows = [("foundation encoder", "version", "reads", "licence", "installed")]
    seen = [""]
    for name, each in ENCODERS.classes().items():
        installed = f"no: {each.how_to_install()}" if each.missing() else "yes"
        rows.append((name, each.version, ", ".join(each.kinds), each.licence, installed))
        seen.append(f"  {each.has_seen}\n")
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    form = "  ".join(f"%-{width}s" for width in widths)
    return "".join(f"{(form % row).rstrip()}\n{text}" for row, text in zip(rows, seen, strict=True))


_COLUMNS = ("key", "domain", "source", "property", "architecture", "n", "seed", "validation MAE", "R2")
_RIGHT = ("n", "seed", "validation MAE", "R2")


def format_cards(cards: Sequence[Card]) -> str:
    """Format cards as a text table, one line per model.

    A model of several properties shows its first one and the number of the others.

    Args:
        cards: Cards of the models.
    """
    rows = [_COLUMNS, *map(_row, cards)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    form = "  ".join(f"%{'' if name in _RIGHT else '-'}{width}s" for name, width in zip(_COLUMNS, widths, strict=True))
    return "\n".join([form % row for row in rows]) + "\n"


def _row(card: Card) -> tuple[str, ...]:
    name, unit, more = card.properties[0], card.units[0], len(card.properties) - 1
    errors = card.metrics.get(name, {})
    mae = f"{errors['mae']:.3g} {unit}".rstrip() if "mae" in errors else "-"
    r2 = f"{errors['r2']:.3f}" if "r2" in errors else "-"
    shown = f"{name} and {more} more" if more else name
    return card.key[:12], card.domain, card.source, shown, card.architecture, str(card.size), str(card.seed), mae, r2


def _show(argv: list[str], console: Console) -> int:
    parser = _parser("show", "Show the card of one model.")
    parser.add_argument("key", help="key of the model, or its first characters")
    given = parse_options(parser, argv)
    library = ModelLibrary(find_library(given.library))
    if is_address(given.key):
        library, key = ModelLibrary(starter_folder()), find_starter(given.key).name
    else:
        key = library.find(given.key)
    card, content = library.card(key), library.content(key)
    seen = f"{len(library.identities(key)):,} hashed identities" if card.identities else "not known"
    units = [f"{name} [{unit or '-'}]" for name, unit in zip(card.properties, card.units, strict=True)]
    lines = [
        f"{key}: {card.architecture} with {card.num_parameters:,} parameters, {card.domain}",
        f"predicts: {', '.join(units)}",
        *(f"  {name}: {_errors(errors)} on the validation part" for name, errors in card.metrics.items()),
        *([f"these are {said}"] if (said := format_simulated(content)) else []),
        f"trained on: {card.size:,} materials of {card.source}, {card.num_validation:,} of them for validation",
        f"materials seen: {seen}",
        f"license of the data: {card.license or 'not known'}",
        f"cite: {card.citation or 'not known'}",
        *([f"notice: {content['notice']}"] if content.get("notice") else []),
        f"files: {library.folder / key}",
        "",
        yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120).rstrip(),
    ]
    for line in lines:
        console.print(visible(line), markup=False, highlight=False, soft_wrap=True)
    return 0


def _errors(errors: Any) -> str:
    return ", ".join(f"{name.upper() if name != 'r2' else 'R2'} {value:.4g}" for name, value in errors.items())


def _verify(argv: list[str], console: Console) -> int:
    given = _parser("verify", "Check hashes and cards of all models.").parse_args(argv)
    library = ModelLibrary(find_library(given.library))
    problems, of_index = library.verify(), library.verify_index()
    for line in [*(f"{key}: {problem}" for key, problem in problems.items()), *([of_index] if of_index else [])]:
        console.print(visible(line), markup=False, highlight=False, soft_wrap=True)
    console.print(f"{len(library.keys()) - len(problems):,} models are intact, {len(problems):,} are not")
    return int(bool(problems or of_index))


def _export(argv: list[str], console: Console) -> int:
    from gnn_sim2real.library.archive import export_models, is_export

    parser = _parser("export", "Write models to one file.", filters=True)
    parser.add_argument("archive", type=Path, help="the file, e.g. models.tar.gz")
    parser.add_argument("keys_", metavar="keys", nargs="*", help="keys of the models, or their first characters")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that is not an export of models")
    given = parse_options(parser, argv)
    require_replaceable(
        given.archive, is_ours=is_export, inputs=[find_library(given.library)], overwrite=given.overwrite
    )
    library, keys = _chosen(given)
    count = export_models(library, keys, given.archive)
    size = given.archive.stat().st_size / 1e6
    console.print(f"{count:,} models in {given.archive} ({size:.1f} MB)", markup=False, highlight=False, soft_wrap=True)
    return 0


def _import(argv: list[str], console: Console) -> int:
    from gnn_sim2real.library.archive import import_models

    parser = _parser("import", "Add the models of a file to a library.")
    parser.add_argument("archive", type=Path, help="the file")
    given = parse_options(parser, argv)
    new, known = import_models(_own_library(given.library), given.archive)
    _print_added(new, len(known), given.library, console)
    return 0


def _own_library(folder: Path) -> ModelLibrary:
    """A library that models are added to."""
    if find_library(folder) == starter_folder():
        raise ValueError("the starter library comes with the package and is not changed; give a folder of your own")
    return ModelLibrary(folder)


def _print_added(new: Sequence[str], known: int, library: Path, console: Console) -> None:
    text = f"{len(new):,} models added to {library}, {known:,} already there"
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _push(argv: list[str], console: Console) -> int:
    from gnn_sim2real.library.remote import RemoteLibrary

    parser = _parser("push", "Copy models to another place.", filters=True)
    parser.add_argument("url", help="a folder, or another URL that fsspec opens")
    parser.add_argument("keys_", metavar="keys", nargs="*", help="keys of the models, or their first characters")
    given = parse_options(parser, argv)
    library, keys = _chosen(given)
    sent = RemoteLibrary(given.url).push(library, keys)
    text = f"{len(sent):,} models sent to {given.url}, {len(keys) - len(sent):,} already there"
    console.print(text, markup=False, highlight=False, soft_wrap=True)
    return 0


def _pull(argv: list[str], console: Console) -> int:
    from gnn_sim2real.library.remote import RemoteLibrary

    parser = _parser("pull", "Copy models from another place.", filters=True)
    parser.add_argument("url", help="a folder, or another URL that fsspec opens")
    given = parse_options(parser, argv)
    library = _own_library(given.library)
    before = len(library.keys())
    came = RemoteLibrary(given.url).pull(library, CardFilters(**_filters(given)).match)
    _print_added(came, before, given.library, console)
    return 0


def _build(argv: list[str], console: Console) -> int:
    from gnn_sim2real.cli.study import print_failures
    from gnn_sim2real.study.library_config import read_library
    from gnn_sim2real.study.run import run_study

    config, options = read_library(*take_options(argv, "-c", "--config"))
    if options.dry_run:
        from gnn_sim2real.study.dry_run import print_dry_run

        print_dry_run(config, options, console)
        return 0
    outcomes = run_study(config, options)
    console.print(f"{outcomes['done']} models trained, {outcomes['cached']} were there, {outcomes['failed']} failed")
    if outcomes["failed"]:
        print_failures(config, outcomes["failed"], console)
    return int(outcomes["failed"] > 0)
