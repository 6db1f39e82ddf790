"""How a pretrained model is fine-tuned: one policy per file, each of which registers itself.

Light, because reading records imports it too: no policy imports torch before it is used.
"""

from gnn_sim2real.tasks.policies.base import REFERENCE as REFERENCE
from gnn_sim2real.tasks.policies.base import FineTuningPolicy as FineTuningPolicy
from gnn_sim2real.tasks.policies.registry import describe_policies as describe_policies
from gnn_sim2real.tasks.policies.registry import find_policies as find_policies
from gnn_sim2real.tasks.policies.registry import find_policy as find_policy
from gnn_sim2real.tasks.policies.registry import is_fine_tuning as is_fine_tuning
from gnn_sim2real.tasks.policies.registry import make_policy as make_policy
from gnn_sim2real.tasks.policies.registry import policy_title as policy_title
