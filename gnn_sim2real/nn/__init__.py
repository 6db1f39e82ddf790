"""Layers and encoders on the batches of `gnn_sim2real.graph`: pure torch and torch-geometric."""

from typing import TYPE_CHECKING

from gnn_sim2real.nn.conditions import ConditionSpec as ConditionSpec
from gnn_sim2real.nn.encoder import Encoder as Encoder
from gnn_sim2real.nn.head import PropertyHead as PropertyHead
from gnn_sim2real.nn.model import PropertyModel as PropertyModel
from gnn_sim2real.nn.registry import own_encoders
from gnn_sim2real.nn.scaler import TargetScaler as TargetScaler

if TYPE_CHECKING:
    from gnn_sim2real.nn.alignn import ALIGNN as ALIGNN
    from gnn_sim2real.nn.attentive_fp import AttentiveFP as AttentiveFP
    from gnn_sim2real.nn.blend import Blend as Blend
    from gnn_sim2real.nn.cgcnn import CGCNN as CGCNN
    from gnn_sim2real.nn.dmpnn import DMPNN as DMPNN
    from gnn_sim2real.nn.fingerprint import FingerprintMLP as FingerprintMLP
    from gnn_sim2real.nn.gatv2 import GATv2 as GATv2
    from gnn_sim2real.nn.gine import GINE as GINE
    from gnn_sim2real.nn.gps import GPS as GPS
    from gnn_sim2real.nn.megnet import MEGNet as MEGNet
    from gnn_sim2real.nn.painn import PaiNN as PaiNN
    from gnn_sim2real.nn.pair import Pair as Pair
    from gnn_sim2real.nn.roost import Roost as Roost
    from gnn_sim2real.nn.schnet import SchNet as SchNet
    from gnn_sim2real.nn.truncated import TruncatedEncoder as TruncatedEncoder

# Every encoder in a file of this folder: what stands above is for type checkers.
globals().update(own_encoders())
