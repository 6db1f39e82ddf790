"""A folder of trained models, each named by the hash of its content."""

import logging
import os
import shlex
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import chain
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any

import orjson
import yaml

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.files import stamp, umask, write_atomically, write_json
from gnn_sim2real.library.card import CARD_FILE, CARD_FORMAT, Card, check_card, read_card
from gnn_sim2real.library.content import CONFIG_FILE, DESCRIPTION_FILE, WEIGHTS_FILE, hash_model, is_key
from gnn_sim2real.library.filters import CardFilters
from gnn_sim2real.library.format_1 import card_of_format_1, content_of_format_1
from gnn_sim2real.library.identities import read_identities, save_identities
from gnn_sim2real.library.index import keys_of, read_index, stamps_of, to_cards, write_index
from gnn_sim2real.library.starter import PREFIX, starter_folder

if TYPE_CHECKING:
    from gnn_sim2real.library.model import TrainedModel

logger = logging.getLogger(__name__)

INDEX_FILE = "index.parquet"


class ModelLibrary:
    """Trained models in a folder, each with a card.

    A model is a folder named by the hash of its three files: `weights.safetensors`, `card.json` and `config.yaml`, the
    resolved configuration of its training. The hashed identities of the materials it has seen are in `identities`,
    shared by all models that have seen the same materials. Several processes may add models at the same time. Models
    that studies saved before cards existed (format 1, with a `model.json`) are listed and loaded like the others.

    Args:
        folder: Folder of the models; need not exist yet.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def __str__(self) -> str:
        return "the starter library" if self.folder == starter_folder() else str(self.folder)

    def add(
        self, model: "TrainedModel", card: Mapping[str, Any], identities: Iterable[str], config: Mapping[str, Any]
    ) -> str:
        """Add a model, unless it exists already.

        Args:
            model: The model.
            card: Content of `card.json` beyond the description of the model; see `tasks.library_entry`.
            identities: Hashed canonical identities of the materials it was trained and validated on.
            config: Resolved configuration of the training, plain types.

        Returns:
            The key of the model.

        Raises:
            CheckpointError: If something is missing in the card.
        """
        from gnn_sim2real.library.model import weights_content

        content: dict[str, Any] = {
            **card,
            "card_format": CARD_FORMAT,
            "architecture": type(model.network.encoder).__name__,
            "num_parameters": sum(tensor.numel() for tensor in model.network.state_dict().values()),
            "network": model.network.describe(),
            "featurizer": model.featurizer.describe(),
            "identities": save_identities(self.folder, identities),
        }
        check_card(orjson.loads(orjson.dumps(content)), "the new model")
        self.folder.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=self.folder, prefix=".adding_"))
        try:
            write_atomically(unfinished / WEIGHTS_FILE, weights_content(model))
            write_json(unfinished / CARD_FILE, content)
            text = yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True)
            write_atomically(unfinished / CONFIG_FILE, text.encode())
            return self.add_folder(unfinished)
        finally:
            rmtree(unfinished, ignore_errors=True)

    def add_folder(self, folder: Path) -> str:
        """Move the folder of a model into the library.

        Args:
            folder: Folder with the files of a model, on the same file system as the library.

        Returns:
            The key of the model.

        Raises:
            CheckpointError: If the folder has files that a model does not have, or cannot be moved.
        """
        key = hash_model(folder)
        folder.chmod(0o777 & ~umask())
        with suppress(OSError):  # another process added the same model meanwhile
            folder.replace(self.folder / key)
        if not (self.folder / key / CARD_FILE).is_file():
            raise CheckpointError(f"the model {key} cannot be moved into {self.folder}: check its permissions")
        return key

    def keys(self) -> list[str]:
        """Keys of all models, from the names of their folders only."""
        try:
            with os.scandir(self.folder) as entries:
                return [entry.name for entry in entries if is_key(entry.name)]
        except FileNotFoundError:
            return []

    def cards(self, **filters: Any) -> list[Card]:
        """The cards of all models, or of those that pass filters.

        Args:
            **filters: Filters of `card.CardFilters`.

        Raises:
            ValueError: If `max_mae` is given without a property.
            TypeError: If a filter does not exist.
        """
        wanted = CardFilters(**filters)
        cards = self._all_cards()
        return cards if wanted == CardFilters() else [card for card in cards if wanted.match(card)]

    def _all_cards(self) -> list[Card]:
        """The cards of the index, which is brought up to date: new and changed models are read, deleted ones dropped.

        The index is believed only where size, times and inode of a card's file are those that it was made from.
        """
        path, stamps = self.folder / INDEX_FILE, self._stamps()
        table = read_index(path)
        if table is None and path.exists():
            logger.warning("%s is damaged, changed, or of another version; it is made again from the cards", path)
        listed = {} if table is None else dict(zip(keys_of(table), stamps_of(table), strict=True))
        cards = [] if table is None else to_cards(table)
        if listed == stamps:
            return cards
        cards = [card for card in cards if stamps.get(card.key, "") == listed[card.key] != ""]
        for key in sorted(stamps.keys() - {card.key for card in cards}):
            try:
                cards.append(self.card(key))
            except CheckpointError as error:
                logger.warning("%s; run `%s` for details", error, self.command("verify"))
        cards.sort(key=lambda card: (card.source, card.properties, card.architecture, card.size, card.seed, card.key))
        now = {card.key: stamps[card.key] for card in cards}
        if now != listed and self.folder != starter_folder():  # an installed package is not written into
            with suppress(OSError):  # a library that belongs to someone else, or may only be read
                write_index(path, cards, list(now.values()))
        return cards

    def _stamps(self) -> dict[str, str]:
        """Size, times and inode of the file with the card of each model, by key; empty without such a file."""
        return {key: self._stamp(key) for key in self.keys()}

    def _stamp(self, key: str) -> str:
        for name in (CARD_FILE, DESCRIPTION_FILE):
            with suppress(OSError):
                return " ".join(map(str, stamp(f"{self.folder}/{key}/{name}")))
        return ""

    def verify_index(self) -> str:
        """Compare the index with the cards themselves, whatever the times of their files; a wrong one is made again.

        Returns:
            What was wrong; empty if nothing was.
        """
        path, keys = self.folder / INDEX_FILE, set(self.keys())
        if not path.exists():
            return ""
        table = read_index(path)
        problem = f"{path} is damaged, was changed, or is of another version"
        if table is not None:
            wrong = [card.key for card in to_cards(table) if card.key in keys and not self._has_card(card)]
            if not wrong:
                return ""
            problem = f"{path} does not say what the cards of {len(wrong)} models say, such as {wrong[0]}"
        with suppress(OSError):
            path.unlink()
        return f"{problem}; it is made again from the cards"

    def _has_card(self, card: Card) -> bool:
        with suppress(CheckpointError):
            return self.card(card.key) == card
        return False

    def card(self, key: str) -> Card:
        """The card of one model.

        Args:
            key: Key of the model.

        Raises:
            CheckpointError: If the model does not exist, or its card cannot be read.
        """
        folder = self.folder_of(key)
        if (folder / CARD_FILE).is_file():
            return Card.of_content(key, read_card(folder))
        return card_of_format_1(key, folder)

    def content(self, key: str) -> dict[str, Any]:
        """Whole content of the card of one model, plain types.

        Args:
            key: Key of the model.

        Raises:
            CheckpointError: If the model does not exist, or its card cannot be read.
        """
        folder = self.folder_of(key)
        return read_card(folder) if (folder / CARD_FILE).is_file() else content_of_format_1(folder)

    def find(self, start: str) -> str:
        """The only key with this start.

        Args:
            start: First characters of the key, or all of them.

        Raises:
            ValueError: If no key or several keys begin with it.
        """
        found = [key for key in self.keys() if key.startswith(start)]
        if len(found) != 1:
            many = f"{len(found)} models whose keys begin" if found else "no model whose key begins"
            raise ValueError(f"{self.folder} has {many} with {start!r}; `{self.command('list')}` shows the keys")
        return found[0]

    def load(self, key: str) -> "TrainedModel":
        """Load a model.

        Args:
            key: Key of the model.

        Raises:
            CheckpointError: If the model does not exist, is damaged, or names an encoder that is not trusted.
        """
        from gnn_sim2real.library.model import load_model  # imports torch, which listing cards does not need

        return load_model(self.folder_of(key))

    def identities(self, key: str) -> frozenset[str]:
        """Hashed canonical identities of all materials that a model was trained and validated on.

        See `PropertyDataModule.seen_identities`; compare with `tested_identities`.

        Args:
            key: Key of the model.

        Raises:
            CheckpointError: If they are unknown, as for models of format 1, or their file is damaged.
        """
        name = self.card(key).identities
        if not name:
            raise CheckpointError(
                f"the training materials of the model {key} are unknown: it was saved before cards existed"
            )
        return _identities(self.folder, name)

    def has_seen(self, key: str, identity: str) -> bool:
        """Whether a model was trained or validated on a material; False where that is not known.

        Args:
            key: Key of the model.
            identity: Canonical identity of the material, from the featurizer of the model.
        """
        from gnn_sim2real.featurize.identity import identity_hash  # imports rdkit, which listing cards does not need

        try:
            return identity_hash(identity) in self.identities(key)
        except CheckpointError:  # saved outside of a library, or copied without it
            return False

    def verify(self, strict: bool = False) -> dict[str, str]:
        """Check every model: the hash of its content, its card, and the file of its identities.

        Args:
            strict: Whether models of format 1, whose content cannot be checked, count as wrong.

        Returns:
            The problem of each damaged model, by key.
        """
        problems = {}
        for key in sorted(self.keys()):
            try:
                self.verify_model(key, strict)
            except (CheckpointError, OSError) as error:
                problems[key] = str(error)
        return problems

    def verify_model(self, key: str, strict: bool = False) -> None:
        """Check one model.

        Args:
            key: Key of the model.
            strict: See `verify`.

        Raises:
            CheckpointError: If it is damaged.
        """
        folder = self.folder_of(key)
        if not strict and not (folder / CARD_FILE).is_file() and (folder / DESCRIPTION_FILE).is_file():
            card_of_format_1(key, folder)
            return
        if hash_model(folder) != key:
            raise CheckpointError("the hash of its content differs from its name: it was changed or is damaged")
        if name := read_card(folder)["identities"]:
            read_identities(self.folder, name)

    def command(self, name: str) -> str:
        """A command for this library as it is typed, for messages.

        Args:
            name: `list` or `verify`.
        """
        folder = PREFIX if self.folder == starter_folder() else str(self.folder)
        return shlex.join(["gnn-sim2real", "models", name, "--library", folder])

    def folder_of(self, key: str) -> Path:
        """The folder of one model.

        Args:
            key: Key of the model.

        Raises:
            CheckpointError: If the model does not exist.
        """
        if not is_key(key) or not (self.folder / key).is_dir():
            raise CheckpointError(f"{self.folder} has no model {key!r}; `{self.command('list')}` shows the keys")
        return self.folder / key


class JoinedLibraries(ModelLibrary):
    """Models of several libraries, to be read as one.

    Args:
        libraries: The libraries; what is written goes into the first.
    """

    def __init__(self, libraries: Sequence[ModelLibrary]) -> None:
        super().__init__(libraries[0].folder)
        self.libraries = tuple(libraries)

    def __str__(self) -> str:
        return " and ".join(map(str, self.libraries))

    def keys(self) -> list[str]:
        """Keys of all models; one that several libraries have is there once."""
        return list(dict.fromkeys(chain.from_iterable(each.keys() for each in self.libraries)))

    def _all_cards(self) -> list[Card]:
        found = {card.key: card for each in reversed(self.libraries) for card in each.cards()}
        return list(found.values())

    def folder_of(self, key: str) -> Path:
        """The folder of one model, in the first library that has it.

        Args:
            key: Key of the model.

        Raises:
            CheckpointError: If the model does not exist.
        """
        return self._library_of(key).folder_of(key)

    def identities(self, key: str) -> frozenset[str]:
        """Hashed canonical identities of all materials that a model has seen, see `ModelLibrary.identities`.

        Args:
            key: Key of the model.
        """
        return self._library_of(key).identities(key)

    def _library_of(self, key: str) -> ModelLibrary:
        return next((each for each in self.libraries if (each.folder / key).is_dir()), self.libraries[0])


@lru_cache(maxsize=64)
def _identities(folder: Path, name: str) -> frozenset[str]:
    return read_identities(folder, name)
