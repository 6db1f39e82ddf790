"""Trained models as files, and folders of many of them with a card each."""

from gnn_sim2real.library.card import Card as Card
from gnn_sim2real.library.content import default_library as default_library
from gnn_sim2real.library.folder import ModelLibrary as ModelLibrary
from gnn_sim2real.library.model import CHECKPOINT_ENTRY as CHECKPOINT_ENTRY
from gnn_sim2real.library.model import DESCRIPTION_FILE as DESCRIPTION_FILE
from gnn_sim2real.library.model import Prediction as Prediction
from gnn_sim2real.library.model import TrainedModel as TrainedModel
from gnn_sim2real.library.model import load_model as load_model
from gnn_sim2real.library.model import save_model as save_model
