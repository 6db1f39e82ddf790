"""What to measure next: a pool of candidates, ranked by what a measurement of each is worth."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from gnn_sim2real.suggest.run import Suggestions as Suggestions
    from gnn_sim2real.suggest.run import suggest as suggest

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={"run": ["Suggestions", "suggest"]})
