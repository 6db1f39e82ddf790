"""Trained models as files, and folders of many of them with a card each."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from gnn_sim2real.library.card import Card as Card
    from gnn_sim2real.library.content import DESCRIPTION_FILE as DESCRIPTION_FILE
    from gnn_sim2real.library.content import default_library as default_library
    from gnn_sim2real.library.folder import ModelLibrary as ModelLibrary
    from gnn_sim2real.library.model import CHECKPOINT_ENTRY as CHECKPOINT_ENTRY
    from gnn_sim2real.library.model import Prediction as Prediction
    from gnn_sim2real.library.model import TrainedModel as TrainedModel
    from gnn_sim2real.library.model import load_model as load_model
    from gnn_sim2real.library.model import save_model as save_model

# Listing cards must not wait for torch.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "card": ["Card"],
        "content": ["DESCRIPTION_FILE", "default_library"],
        "folder": ["ModelLibrary"],
        "model": ["CHECKPOINT_ENTRY", "Prediction", "TrainedModel", "load_model", "save_model"],
    },
)
