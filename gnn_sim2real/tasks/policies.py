"""Names of the ways in which measurements are used; light, since whoever only reads records imports it too."""

from typing import Literal, get_args

Policy = Literal["none", "encoder", "gradual", "l2_start", "difference", "affine"]
"""How a pretrained model is fine-tuned.

* ``none``: all weights move, nothing holds them;
* ``encoder``: the encoder is frozen;
* ``gradual``: the encoder is frozen at first, and gets one layer back after the other;
* ``l2_start``: all weights move, and those that were pretrained pay for the square of their way from the start. X. Li,
  Y. Grandvalet, F. Davoine, ICML 2018, arXiv 1802.01483;
* ``difference``: all weights move, and the model learns the difference between measured and simulated value of the same
  material, with a fresh head;
* ``affine``: likewise, of the measured value from a straight line through the simulated one.
"""

FINE_TUNING_POLICIES: tuple[str, ...] = get_args(Policy)

NEED_PRETRAINED: tuple[Policy, ...] = ("encoder", "gradual", "l2_start")
"""Policies without a meaning from scratch."""

CORRECTIONS: tuple[Policy, ...] = ("difference", "affine")
"""Policies that take the simulated value of each material as input."""
