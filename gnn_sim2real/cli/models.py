"""`gnn-sim2real models`: a library of pretrained models."""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnn_sim2real.config.command import Command, describe_settings
from gnn_sim2real.config.options import take_options
from gnn_sim2real.library.filters import CardFilters

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser
    from rich.console import Console

    from gnn_sim2real.library.card import Card
    from gnn_sim2real.library.folder import ModelLibrary

logger = logging.getLogger(__name__)


def list_(filters: CardFilters, *, library: Path | None = None, json: bool = False) -> None:
    """List the models of a library, one per line, with the error on the validation part of the source.

    The models that come with the package follow, and the foundation encoders.

    Args:
        filters: Which models.
        library: Folder of the models, or `starter:`; $GNN_SIM2REAL_LIBRARY, else runs/library, unless given.
        json: Print the cards as JSON, one per line.
    """
    import sys

    from gnn_sim2real.console import open_console
    from gnn_sim2real.library import ModelLibrary, default_library
    from gnn_sim2real.library.starter import starter_folder

    console, found = open_console(), _open(library)
    cards, wanted = found.cards(**asdict(filters)), asdict(filters)
    if json:
        sys.stdout.write("".join(f"{_as_json(card)}\n" for card in cards))
        return
    shipped = ModelLibrary(starter_folder())
    if found.folder != shipped.folder:
        _print_cards(cards, found, console)
    if found.folder == shipped.folder or library in (None, default_library()):
        _print_cards(shipped.cards(**wanted), shipped, console)
    if all(value is None for value in wanted.values()):  # which are about our own models
        console.print(f"\n{format_encoders()}", markup=False, highlight=False, soft_wrap=True, end="")


def show(key: str, *, library: Path | None = None) -> None:
    """Show the card of a model: data, license, citation, settings.

    Args:
        key: Key of the model, its first characters, or the address of one that comes with the package,
            starter:DOMAIN/PROPERTY.
        library: Folder of the models; $GNN_SIM2REAL_LIBRARY, else runs/library, unless given.
    """
    import yaml

    from gnn_sim2real.console import open_console, visible
    from gnn_sim2real.library import ModelLibrary
    from gnn_sim2real.library.starter import find_starter, format_simulated, is_address, starter_folder

    console, folder = open_console(), _open(library)
    if is_address(key):
        folder, key = ModelLibrary(starter_folder()), find_starter(key).name
    else:
        key = folder.find(key)
    card, content = folder.card(key), folder.content(key)
    seen = f"{len(folder.identities(key)):,} hashed identities" if card.identities else "not known"
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
        f"files: {folder.folder / key}",
        "",
        yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120).rstrip(),
    ]
    for line in lines:
        console.print(visible(line), markup=False, highlight=False, soft_wrap=True)


def _errors(errors: Any) -> str:
    return ", ".join(f"{name.upper() if name != 'r2' else 'R2'} {value:.4g}" for name, value in errors.items())


def verify(*, library: Path | None = None) -> int:
    """Check hashes and cards of all models.

    Args:
        library: Folder of the models, or `starter:`; $GNN_SIM2REAL_LIBRARY, else runs/library, unless given.

    Returns:
        Exit code: 1 if something is wrong with a model.
    """
    from gnn_sim2real.console import open_console, visible

    console, found = open_console(), _open(library)
    problems, of_index = found.verify(), found.verify_index()
    for line in [*(f"{key}: {problem}" for key, problem in problems.items()), *([of_index] if of_index else [])]:
        console.print(visible(line), markup=False, highlight=False, soft_wrap=True)
    console.print(f"{len(found.keys()) - len(problems):,} models are intact, {len(problems):,} are not")
    return int(bool(problems or of_index))


def export(
    archive: Path, *keys: str, filters: CardFilters, library: Path | None = None, overwrite: bool = False
) -> None:
    """Write models to one file: all of them unless keys or filters are given.

    Args:
        archive: The file, e.g. models.tar.gz.
        keys: Keys of the models, or their first characters.
        filters: Which models.
        library: Folder of the models, or `starter:`; $GNN_SIM2REAL_LIBRARY, else runs/library, unless given.
        overwrite: Replace a file that is not an export of models.
    """
    from gnn_sim2real.console import open_console
    from gnn_sim2real.files import require_replaceable
    from gnn_sim2real.library.archive import export_models, is_export

    found = _open(library)
    require_replaceable(archive, is_ours=is_export, inputs=[found.folder], overwrite=overwrite)
    count = export_models(found, _choose(found, keys, filters), archive)
    text = f"{count:,} models in {archive} ({archive.stat().st_size / 1e6:.1f} MB)"
    open_console().print(text, markup=False, highlight=False, soft_wrap=True)


def import_(archive: Path, *, library: Path | None = None) -> None:
    """Add the models of such a file to a library; they are checked before any of them is added.

    Args:
        archive: The file.
        library: Folder of the models; $GNN_SIM2REAL_LIBRARY, else runs/library, unless given.
    """
    from gnn_sim2real.library.archive import import_models

    own = _open_own(library)
    new, known = import_models(own, archive)
    _print_added(new, len(known), own)


def push(url: str, *keys: str, filters: CardFilters, library: Path | None = None) -> None:
    """Copy models to another place; those that are there already are skipped.

    Args:
        url: A folder, s3://BUCKET/FOLDER, hf://USER/REPOSITORY or whatever else fsspec opens.
        keys: Keys of the models, or their first characters; all models unless there are keys or filters.
        filters: Which models.
        library: Folder of the models, or `starter:`; $GNN_SIM2REAL_LIBRARY, else runs/library, unless given.
    """
    from gnn_sim2real.console import open_console
    from gnn_sim2real.library.remote import RemoteLibrary

    found = _open(library)
    chosen = _choose(found, keys, filters)
    sent = RemoteLibrary(url).push(found, chosen)
    text = f"{len(sent):,} models sent to {url}, {len(chosen) - len(sent):,} already there"
    open_console().print(text, markup=False, highlight=False, soft_wrap=True)


def pull(url: str, *, filters: CardFilters, library: Path | None = None) -> None:
    """Copy models from another place; those that are here already are skipped.

    Args:
        url: A folder, s3://BUCKET/FOLDER, hf://USER/REPOSITORY or whatever else fsspec opens.
        filters: Which models.
        library: Folder of the models; $GNN_SIM2REAL_LIBRARY, else runs/library, unless given.
    """
    from gnn_sim2real.library.remote import RemoteLibrary

    own = _open_own(library)
    before = len(own.keys())
    came = RemoteLibrary(url).pull(own, filters.match)
    _print_added(came, before, own)


def build(*, others: Sequence[str]) -> int:
    """Pretrain the models of a LIBRARY.yaml. After a stop, the same command resumes.

    A LIBRARY.yaml names the YAMLs of pretrainings, and their properties, encoders, sizes and seeds; each of its
    settings is an option as well. Further `-c` files, such as configs:wandb.yaml, apply to all pretrainings.

    Args:
        others: YAMLs and options.

    Returns:
        Exit code: 1 if a pretraining failed.
    """
    from gnn_sim2real.console import open_console
    from gnn_sim2real.study.library_config import read_library

    console = open_console()
    config, options = read_library(*take_options(others, "-c", "--config"))
    if options.dry_run:
        from gnn_sim2real.study.dry_run import print_dry_run

        print_dry_run(config, options, console)
        return 0
    from gnn_sim2real.cli.study import print_failures
    from gnn_sim2real.study.run import run_study

    outcomes = run_study(config, options)
    console.print(f"{outcomes['done']} models trained, {outcomes['cached']} were there, {outcomes['failed']} failed")
    if outcomes["failed"]:
        print_failures(config, outcomes["failed"], console)
    return int(outcomes["failed"] > 0)


def _open(library: Path | None) -> "ModelLibrary":
    """The library of that folder, or the one that is used without one."""
    from gnn_sim2real.library import ModelLibrary, default_library
    from gnn_sim2real.library.content import find_library

    return ModelLibrary(find_library(default_library() if library is None else library))


def _open_own(library: Path | None) -> "ModelLibrary":
    """A library that models are added to."""
    from gnn_sim2real.library.starter import starter_folder

    own = _open(library)
    if own.folder == starter_folder():
        raise ValueError("the starter library comes with the package and is not changed; give a folder of your own")
    return own


def _choose(library: "ModelLibrary", keys: Sequence[str], filters: CardFilters) -> list[str]:
    """Keys of the models that are chosen by key or by filters."""
    if keys and filters != CardFilters():
        raise ValueError("choose models by keys or by filters, not by both")
    chosen = [library.find(key) for key in keys]
    if not chosen:
        cards = library.cards(**asdict(filters))
        chosen = [card.key for card in cards if card.identities]
        if len(chosen) < len(cards):
            logger.warning("%d models are left out: they are of format 1, which has no hash", len(cards) - len(chosen))
    if not chosen:
        raise ValueError(f"{library.folder} has no such model; `{library.command('list')}` lists its models")
    return chosen


def _print_added(new: Sequence[str], known: int, library: "ModelLibrary") -> None:
    from gnn_sim2real.console import open_console

    text = f"{len(new):,} models added to {library.folder}, {known:,} already there"
    open_console().print(text, markup=False, highlight=False, soft_wrap=True)


def _print_cards(cards: "Sequence[Card]", library: "ModelLibrary", console: "Console") -> None:
    import sys
    import textwrap

    from gnn_sim2real.library.starter import PREFIX, starter_folder, starter_names

    if cards:
        sys.stdout.write(format_cards(cards))
    console.print(f"{len(cards):,} models in {library}", markup=False, highlight=False, soft_wrap=True)
    if cards and library.folder == starter_folder():
        known = {key: name for name, key in starter_names().items()}
        names = textwrap.fill(", ".join(sorted(known[card.key] for card in cards if card.key in known)), 118)
        console.print(f"{PREFIX}NAME is one of these, or the best if its last part is left out:", markup=False)
        console.print(textwrap.indent(names, "  "), markup=False, highlight=False, soft_wrap=True)


def _as_json(card: "Card") -> str:
    import json

    import orjson

    text = orjson.dumps(card._asdict()).decode()
    return text if text.isascii() else json.dumps(card._asdict())  # where orjson escapes not every control character


def format_encoders() -> str:
    """Format all foundation encoders as text: name, version, kinds of materials, licence, and what each has seen."""
    from gnn_sim2real.foundation import ENCODERS

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


def format_cards(cards: "Sequence[Card]") -> str:
    """Format cards as a text table, one line per model.

    A model of several properties shows its first one and the number of the others.

    Args:
        cards: Cards of the models.
    """
    rows = [_COLUMNS, *map(_row, cards)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    form = "  ".join(f"%{'' if name in _RIGHT else '-'}{width}s" for name, width in zip(_COLUMNS, widths, strict=True))
    return "\n".join([form % row for row in rows]) + "\n"


def _row(card: "Card") -> tuple[str, ...]:
    name, unit, more = card.properties[0], card.units[0], len(card.properties) - 1
    errors = card.metrics.get(name, {})
    mae = f"{errors['mae']:.3g} {unit}".rstrip() if "mae" in errors else "-"
    r2 = f"{errors['r2']:.3f}" if "r2" in errors else "-"
    shown = f"{name} and {more} more" if more else name
    return card.key[:12], card.domain, card.source, shown, card.architecture, str(card.size), str(card.seed), mae, r2


def _add_settings(parser: "ArgumentParser") -> None:
    from gnn_sim2real.study.config import add_run_options
    from gnn_sim2real.study.library_config import LibraryConfig

    add_run_options(parser)
    describe_settings(parser, LibraryConfig)


COMMAND = Command(
    "many models",
    "a library of pretrained models: list, show, verify, export, import, push, pull, build",
    {
        "list": list_,
        "show": show,
        "verify": verify,
        "export": export,
        "import": import_,
        "push": push,
        "pull": pull,
        "build": build,
    },
    examples={
        "models list --property density --min-r2 0.8": "models of a property that are good at it",
        "models show starter:polymer/density": "the card of a model that comes with the package",
        "models export good.tar.gz --min-r2 0.9": "one file of many models, for others",
        "models push hf://USER/REPOSITORY": "all models, to the Hugging Face Hub",
        "models build -c LIBRARY.yaml --workers 2": "many pretrainings",
    },
    settings={"build": _add_settings},
)
