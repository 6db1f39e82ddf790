"""`gnn-sim2real models list | show | verify | export | import | push | pull | build`."""

import logging
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import orjson
import yaml
from jsonargparse import ArgumentParser
from rich.console import Console

from gnn_sim2real.console import open_console
from gnn_sim2real.library import default_library
from gnn_sim2real.library.card import Card, CardFilters
from gnn_sim2real.library.folder import ModelLibrary

logger = logging.getLogger(__name__)

_HELP = """usage: gnn-sim2real models list [--property P] [--domain D] [--architecture A] [--min_r2 R2] ... [--json]
       gnn-sim2real models show KEY
       gnn-sim2real models verify
       gnn-sim2real models export ARCHIVE.tar.gz [KEY ...] [--property P ...]
       gnn-sim2real models import ARCHIVE.tar.gz
       gnn-sim2real models push URL [KEY ...] [--property P ...]
       gnn-sim2real models pull URL [--property P ...]
       gnn-sim2real models build -c LIBRARY.yaml [--workers K] [options]

list    one line a model, with its error on the validation part of its source
show    the card of one model: data, license, citation, settings; KEY may be its first characters
verify  hashes and cards of all models
export  models as one file, all of them unless keys are named or filters given
import  the models of such a file; checked before any of them is added
push    copies models to a folder, s3://BUCKET/FOLDER, hf://USER/REPOSITORY or whatever else fsspec opens
pull    fetches models from there; in both directions only what is missing
build   pretrains the models of a LIBRARY.yaml; the same command goes on after a stop

All but `build` take --library DIR (default: $GNN_SIM2REAL_LIBRARY, else runs/library). Filters: --domain, --source,
--property, --architecture, --min_size, --max_size, --min_r2, --max_mae (in the unit of --property)."""


def models_command(words: list[str]) -> int:
    """Run a command of the model library.

    Args:
        words: What follows `gnn-sim2real models`.

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
    if not words or words[0] in ("-h", "--help"):
        console.print(_HELP, markup=False, highlight=False)
        return 0
    if words[0] not in commands:
        raise ValueError(f"`gnn-sim2real models` knows {', '.join(commands)}, got {words[0]!r}")
    return commands[words[0]](words[1:], console)


def _parser(name: str, description: str, filters: bool = False) -> ArgumentParser:
    parser = ArgumentParser(prog=f"gnn-sim2real models {name}", description=description, exit_on_error=False)
    if filters:
        parser.add_class_arguments(CardFilters)
    parser.add_argument("--library", type=Path, default=default_library(), help="folder of the models")
    return parser


def _filters(given: Any) -> dict[str, Any]:
    return {each.name: given[each.name] for each in fields(CardFilters)}


def _chosen(given: Any) -> tuple[ModelLibrary, list[str]]:
    """The library, and the keys of the models that are named or asked for by filters."""
    library = ModelLibrary(given.library)
    filters = _filters(given)
    if given.keys_ and any(value is not None for value in filters.values()):
        raise ValueError("name models by their keys or by filters, not by both")
    keys = [library.find(key) for key in given.keys_]
    if not keys:
        cards = library.cards(**filters)
        keys = [card.key for card in cards if card.identities]
        if len(keys) < len(cards):
            logger.warning("%d models are left out: they are of format 1, and have no hash", len(cards) - len(keys))
    if not keys:
        raise ValueError(f"{library.folder} has no such model; `gnn-sim2real models list` shows what it has")
    return library, keys


def _list(words: list[str], console: Console) -> int:
    parser = _parser("list", "The models of a library.", filters=True)
    parser.add_argument("--json", action="store_true", help="the cards as JSON, one a line")
    given = parser.parse_args(words)
    library = ModelLibrary(given.library)
    cards = library.cards(**_filters(given))
    if given.json:
        sys.stdout.write("".join(orjson.dumps(card._asdict()).decode() + "\n" for card in cards))
        return 0
    if cards:
        sys.stdout.write(format_cards(cards))
    console.print(f"{len(cards):,} models in {library.folder}", markup=False, highlight=False, soft_wrap=True)
    return 0


_COLUMNS = ("key", "domain", "source", "property", "architecture", "n", "seed", "validation MAE", "R2")
_RIGHT = ("n", "seed", "validation MAE", "R2")


def format_cards(cards: Sequence[Card]) -> str:
    """A table in text, one line a model; of a model of many properties its first one, and how many more there are.

    Args:
        cards: Of the models.
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


def _show(words: list[str], console: Console) -> int:
    parser = _parser("show", "All that is known of one model.")
    parser.add_argument("key", help="key of the model, or its first characters")
    given = parser.parse_args(words)
    library = ModelLibrary(given.library)
    key = library.find(given.key)
    card, content = library.card(key), library.content(key)
    seen = f"{len(library.identities(key)):,} hashed identities" if card.identities else "not known"
    units = [f"{name} [{unit or '-'}]" for name, unit in zip(card.properties, card.units, strict=True)]
    lines = [
        f"{key}: {card.architecture} with {card.num_parameters:,} parameters, {card.domain}",
        f"predicts: {', '.join(units)}",
        *(f"  {name}: {_errors(errors)} on the validation part" for name, errors in card.metrics.items()),
        f"trained on: {card.size:,} materials of {card.source}, {card.num_validation:,} of them for validation",
        f"materials seen: {seen}",
        f"license of the data: {card.license or 'not known'}",
        f"cite: {card.citation or 'not known'}",
        f"files: {library.folder / key}",
        "",
        yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120).rstrip(),
    ]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return 0


def _errors(errors: Any) -> str:
    return ", ".join(f"{name.upper() if name != 'r2' else 'R2'} {value:.4g}" for name, value in errors.items())


def _verify(words: list[str], console: Console) -> int:
    given = _parser("verify", "Check hashes and cards of all models.").parse_args(words)
    library = ModelLibrary(given.library)
    problems = library.verify()
    for key, problem in problems.items():
        console.print(f"{key}: {problem}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"{len(library.keys()) - len(problems):,} models are sound, {len(problems):,} are not")
    return int(bool(problems))


def _export(words: list[str], console: Console) -> int:
    from gnn_sim2real.library.archive import export_models

    parser = _parser("export", "Write models into one file.", filters=True)
    parser.add_argument("archive", type=Path, help="the file, e.g. models.tar.gz")
    parser.add_argument("keys_", metavar="keys", nargs="*", help="keys of the models, or their first characters")
    given = parser.parse_args(words)
    library, keys = _chosen(given)
    count = export_models(library, keys, given.archive)
    size = given.archive.stat().st_size / 1e6
    console.print(f"{count:,} models in {given.archive} ({size:.1f} MB)", markup=False, highlight=False, soft_wrap=True)
    return 0


def _import(words: list[str], console: Console) -> int:
    from gnn_sim2real.library.archive import import_models

    parser = _parser("import", "Add the models of a file to a library.")
    parser.add_argument("archive", type=Path, help="the file")
    given = parser.parse_args(words)
    new, known = import_models(ModelLibrary(given.library), given.archive)
    _say_came(new, len(known), given.library, console)
    return 0


def _say_came(new: Sequence[str], known: int, library: Path, console: Console) -> None:
    text = f"{len(new):,} models added to {library}, {known:,} were there"
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _push(words: list[str], console: Console) -> int:
    from gnn_sim2real.library.remote import RemoteLibrary

    parser = _parser("push", "Copy models elsewhere.", filters=True)
    parser.add_argument("url", help="a folder, or what else fsspec opens")
    parser.add_argument("keys_", metavar="keys", nargs="*", help="keys of the models, or their first characters")
    given = parser.parse_args(words)
    library, keys = _chosen(given)
    sent = RemoteLibrary(given.url).push(library, keys)
    text = f"{len(sent):,} models sent to {given.url}, {len(keys) - len(sent):,} were there"
    console.print(text, markup=False, highlight=False, soft_wrap=True)
    return 0


def _pull(words: list[str], console: Console) -> int:
    from gnn_sim2real.library.remote import RemoteLibrary

    parser = _parser("pull", "Fetch models from elsewhere.", filters=True)
    parser.add_argument("url", help="a folder, or what else fsspec opens")
    given = parser.parse_args(words)
    library = ModelLibrary(given.library)
    before = len(library.keys())
    came = RemoteLibrary(given.url).pull(library, CardFilters(**_filters(given)).match)
    _say_came(came, before, given.library, console)
    return 0


def _build(words: list[str], console: Console) -> int:
    from gnn_sim2real.cli.study import say_failures, split_config
    from gnn_sim2real.study.pretrainings import read_library
    from gnn_sim2real.study.run import run_study

    config, options = read_library(*split_config(words))
    if options.dry_run:
        from gnn_sim2real.study.dry_run import say_plan

        say_plan(config, options, console)
        return 0
    outcomes = run_study(config, options)
    console.print(f"{outcomes['done']} models trained, {outcomes['cached']} were there, {outcomes['failed']} failed")
    if outcomes["failed"]:
        say_failures(config, outcomes["failed"], console)
    return int(outcomes["failed"] > 0)
