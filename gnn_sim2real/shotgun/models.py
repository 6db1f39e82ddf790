"""Models of a library: which of them may be used, and how thousands of them are loaded one after the other."""

import logging
from collections.abc import Mapping, Sequence

import orjson
import torch

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.library import Card, ModelLibrary, TrainedModel
from gnn_sim2real.library.content import WEIGHTS_FILE
from gnn_sim2real.shotgun.features import Skipped
from gnn_sim2real.shotgun.ranking import Entry
from gnn_sim2real.shotgun.settings import IfSeen
from gnn_sim2real.shotgun.target import Target

logger = logging.getLogger(__name__)

"""What to do with a model that was trained on test materials of the target."""

_NUM_NETWORKS = 8


class QuickLoader:
    """Loads models of a library, one at a time; models of one architecture share one network.

    Building a network takes longer than encoding fifty materials with it, and a library has few architectures.

    Args:
        library: The library.
    """

    def __init__(self, library: ModelLibrary) -> None:
        self.library = library
        self._networks: dict[bytes, TrainedModel] = {}

    def load(self, key: str) -> TrainedModel:
        """Load a model, which can be used until the next one is loaded.

        Args:
            key: Key of the model.

        Raises:
            CheckpointError: If the model does not exist, is damaged, or names an encoder that is not trusted.
        """
        content = self.library.content(key)
        described = orjson.dumps([content["network"], content["featurizer"]], option=orjson.OPT_SORT_KEYS)
        known = self._networks.pop(described, None)
        if known is None:
            known = self.library.load(key)
            while len(self._networks) >= _NUM_NETWORKS:
                del self._networks[next(iter(self._networks))]
        else:
            self._load_weights(known, key)
        self._networks[described] = known  # most recently used last
        return known

    def _load_weights(self, model: TrainedModel, key: str) -> None:
        from safetensors import SafetensorError
        from safetensors.torch import load

        own = dict(model.network.state_dict(keep_vars=True))
        try:
            weights = load((self.library.folder_of(key) / WEIGHTS_FILE).read_bytes())
            if weights.keys() != own.keys():
                raise ValueError("its tensors do not fit its network")
            with torch.no_grad():
                for name, tensor in own.items():
                    tensor.copy_(weights[name].reshape(tensor.shape))
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise CheckpointError(f"the model {key} is damaged ({error}); download it again") from error


def entries_of(cards: Sequence[Card | Entry]) -> list[Entry]:
    """The parts of cards that ranking needs.

    Args:
        cards: Cards of the models; a model without a card is its entry.
    """
    return [Entry(card.key, card.architecture, card.featurizer) for card in cards]


def without_seen(
    library: ModelLibrary, cards: Sequence[Card], target: Target, if_seen: IfSeen, skipped: Skipped
) -> tuple[list[Card], dict[str, int]]:
    """Find out which models were trained on test materials of the target.

    Args:
        library: The library.
        cards: Cards of the models.
        target: The target; without a test part, all its materials count, since nested cross-validation tests all.
        if_seen: Whether such models are skipped; for a target without a test part they are only counted.
        skipped: Counts the skipped models.

    Returns:
        Cards of the models that may be used, and the number of materials seen by each model that has seen any.
    """
    asked = target.tested or target.identities
    seen = find_seen(library, cards, asked)
    unknown = sum(not card.identities for card in cards)
    if unknown:
        logger.warning("the training materials of %d models are unknown: they may include test materials", unknown)
    if not seen:
        return list(cards), {}
    if target.tested and if_seen == "skip":
        for _ in seen:
            skipped.add("trained on test materials of the target")
        return [card for card in cards if card.key not in seen], seen
    logger.warning("%s", describe_seen(seen, len(cards), target))
    return list(cards), seen


def find_seen(library: ModelLibrary, cards: Sequence[Card], asked: frozenset[str]) -> dict[str, int]:
    """Number of materials that each model was trained on, of those asked; models that have seen none are left out.

    Args:
        library: The library.
        cards: Cards of the models.
        asked: Hashed identities.
    """
    one_of = {card.identities: card for card in cards}
    shared = {name: _count(library, card, asked) for name, card in one_of.items()}
    return {card.key: shared[card.identities] for card in cards if shared[card.identities]}


def describe_seen(seen: Mapping[str, int], num_models: int, target: Target) -> str:
    """Say what models know of the materials that they are judged by.

    Args:
        seen: From `without_seen`.
        num_models: Number of models.
        target: The target.
    """
    asked, what = (target.tested, "tested") if target.tested else (target.identities, "measured")
    return (
        f"{len(seen)} of {num_models} models were trained on simulations of up to {max(seen.values())} of the "
        f"{len(asked)} {what} materials; errors may be larger for materials that were never simulated"
    )


def _count(library: ModelLibrary, card: Card, asked: frozenset[str]) -> int:
    return len(library.identities(card.key) & asked) if card.identities else 0


def groups_of(cards: Sequence[Card]) -> dict[str, list[Card]]:
    """Cards by source and its properties.

    Args:
        cards: Cards of the models.
    """
    found: dict[str, list[Card]] = {}
    for card in cards:
        found.setdefault(source_name(card), []).append(card)
    return found


def source_name(card: Card) -> str:
    """The source of a model and its properties.

    Args:
        card: Card of the model.
    """
    properties = ", ".join(card.properties[:2]) + (" ..." if len(card.properties) > 2 else "")
    return f"{card.source}: {properties}"
