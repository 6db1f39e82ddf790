"""All registries of plug-ins, and distributions that bring some: a test leaves behind what it found."""

import importlib
from contextlib import ExitStack, contextmanager

from gnn_sim2real.baselines import BASELINES
from gnn_sim2real.foundation import ENCODERS
from gnn_sim2real.law.forms import FORMS
from gnn_sim2real.splits.acquisition.order import ORDERS
from gnn_sim2real.splits.split import SPLITS
from gnn_sim2real.tasks.policies.base import POLICIES

REGISTRIES = (POLICIES, SPLITS, ORDERS, FORMS, BASELINES, ENCODERS)


@contextmanager
def isolated():
    """What is added inside is forgotten afterwards."""
    with ExitStack() as stack:
        for registry in REGISTRIES:
            stack.enter_context(registry.isolated())
        yield


def write_distribution(folder, group, **modules):
    """What an installed distribution leaves in a folder of `sys.path`: `name="module"` are its entry points.

    Never a fake of `importlib.metadata.entry_points`: what is imported for the first time meanwhile, such as Lightning,
    would keep it.
    """
    information = folder / "made_up-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: made-up\nVersion: 1\n")
    lines = [f"[{group}]", *(f"{name} = {module}" for name, module in modules.items())]
    (information / "entry_points.txt").write_text("\n".join(lines) + "\n")
    importlib.invalidate_caches()
