"""All registries of plug-ins: a test that adds to one of them leaves them as they were."""

from contextlib import ExitStack, contextmanager

from gnn_sim2real.baselines import BASELINES
from gnn_sim2real.law.forms import FORMS
from gnn_sim2real.splits.acquisition.order import ORDERS
from gnn_sim2real.splits.split import SPLITS
from gnn_sim2real.tasks.policies.base import POLICIES

REGISTRIES = (POLICIES, SPLITS, ORDERS, FORMS, BASELINES)


@contextmanager
def isolated():
    """What is added inside is forgotten afterwards."""
    with ExitStack() as stack:
        for registry in REGISTRIES:
            stack.enter_context(registry.isolated())
        yield
