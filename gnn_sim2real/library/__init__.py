"""Trained models as files, and folders of many of them with a card each."""

import importlib
from typing import TYPE_CHECKING, Any

from gnn_sim2real.library.card import Card as Card
from gnn_sim2real.library.content import DESCRIPTION_FILE as DESCRIPTION_FILE
from gnn_sim2real.library.content import default_library as default_library
from gnn_sim2real.library.folder import ModelLibrary as ModelLibrary

if TYPE_CHECKING:
    from gnn_sim2real.library.model import CHECKPOINT_ENTRY as CHECKPOINT_ENTRY
    from gnn_sim2real.library.model import Prediction as Prediction
    from gnn_sim2real.library.model import TrainedModel as TrainedModel
    from gnn_sim2real.library.model import load_model as load_model
    from gnn_sim2real.library.model import save_model as save_model

_NEED_TORCH = ("CHECKPOINT_ENTRY", "Prediction", "TrainedModel", "load_model", "save_model")


def __getattr__(name: str) -> Any:
    """What needs torch is imported when it is asked for: a list of cards shall not wait for it."""
    if name in _NEED_TORCH:
        return getattr(importlib.import_module("gnn_sim2real.library.model"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
