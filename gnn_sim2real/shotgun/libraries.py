"""Which models are tried: those of a library of one's own, and those that come with the package."""

import logging
from typing import Any

from gnn_sim2real.library import Card, ModelLibrary, default_library
from gnn_sim2real.library.content import find_library
from gnn_sim2real.library.folder import JoinedLibraries
from gnn_sim2real.library.starter import starter_folder

logger = logging.getLogger(__name__)


def open_library(folder: str, starter: bool = False) -> ModelLibrary:
    """Open a model library, with the starter library beside it if that is asked for, and say so.

    Args:
        folder: Its folder, or `starter:`; empty for the default, and for the starter library where that has no models.
        starter: Whether the models of the starter library are added.

    Raises:
        ValueError: If a folder is given that has no models.
    """
    own = ModelLibrary(find_library(folder) if folder else default_library())
    shipped = ModelLibrary(starter_folder())
    if not folder and not own.keys():
        own = shipped
    if not own.keys():
        raise ValueError(
            f"there are no models in {own.folder}; leave `--library` out for the starter library that comes with the "
            "package, or make one with `gnn-sim2real models build -c LIBRARY.yaml`"
        )
    if own.folder == shipped.folder or not starter or not shipped.keys():
        return own
    return JoinedLibraries([own, shipped])


def find_cards(library: ModelLibrary, filters: dict[str, Any]) -> list[Card]:
    """The cards of the models that pass the filters.

    Args:
        library: The library.
        filters: See `library.card.CardFilters`.

    Raises:
        ValueError: If a filter does not exist, or no model passes.
    """
    try:
        cards = library.cards(**filters)
    except TypeError as error:
        raise ValueError(f"`filters` {filters} must be those of `gnn-sim2real models list`: {error}") from error
    if not cards:
        raise ValueError(f"no model in {library} passes the filters {filters}; leave some of them out")
    logger.info("models that are tried: %d of %s", len(cards), library)
    return cards
