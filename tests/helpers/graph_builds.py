"""Making graphs in processes of their own."""

import os
import signal

from crystals import COPPER, ROCK_SALT

from gnn_sim2real.featurize.crystal import crystal_graph
from gnn_sim2real.featurize.crystal_table import CrystalTable
from gnn_sim2real.featurize.featurizer import get_featurizer
from gnn_sim2real.store import cache as graph_cache
from gnn_sim2real.store.cache import open_or_build

FEATURIZER = {"name": "toy", "version": 1}


def build_in_parts(folder):
    """Each graph in a process of joblib."""
    graph_cache.PART_SIZE = 1
    materials = CrystalTable.from_crystals([COPPER, ROCK_SALT])
    open_or_build(materials, get_featurizer("crystal").featurize, FEATURIZER, folder)


def build_until_killed(folder):
    """The process is killed within the second of two materials."""

    def featurize(material):
        if material == "second":
            os.kill(os.getpid(), signal.SIGKILL)
        return crystal_graph(COPPER)

    open_or_build(["first", "second"], featurize, FEATURIZER, folder)
