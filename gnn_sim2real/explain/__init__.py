"""Why a model predicts what it predicts: contributions of atoms, fragments, sites and elements."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from gnn_sim2real.explain.explanation import Explanation as Explanation
    from gnn_sim2real.explain.explanation import explain as explain

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={"explanation": ["Explanation", "explain"]})
