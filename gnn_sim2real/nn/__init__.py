"""Layers and encoders: pure torch and torch-geometric, knowing nothing but `graph.py`."""

from gnn_sim2real.nn.encoder import Encoder as Encoder
from gnn_sim2real.nn.gine import GINE as GINE
from gnn_sim2real.nn.head import PropertyHead as PropertyHead
from gnn_sim2real.nn.model import PropertyModel as PropertyModel
from gnn_sim2real.nn.scaler import TargetScaler as TargetScaler
