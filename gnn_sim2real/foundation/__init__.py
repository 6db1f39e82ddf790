"""Foundation encoders: networks that others pretrained on millions of calculations, used as they are.

A frozen encoder turns a material into a row of numbers, from which a Gaussian process or trees learn a few dozen
measurements. Each is a class in a file of this folder, or in a module that an installed distribution names under the
entry-point group `gnn_sim2real.foundation`; `docs/contributing/foundation.md` shows one. None of them is needed for
anything else: what one needs besides this package is an extra, such as `gnn-sim2real[foundation-crystal]`.
"""

from gnn_sim2real.foundation.encoder import ENCODERS as ENCODERS
from gnn_sim2real.foundation.encoder import FoundationEncoder as FoundationEncoder
from gnn_sim2real.foundation.encoder import LayerFeatures as LayerFeatures
from gnn_sim2real.foundation.features import Features as Features
from gnn_sim2real.foundation.features import NamedEncoder as NamedEncoder
from gnn_sim2real.foundation.features import compute_features as compute_features
from gnn_sim2real.foundation.features import make_encoder as make_encoder
