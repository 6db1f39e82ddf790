"""`gnn-sim2real validate`."""

from gnn_sim2real.cli._stage import Stage

COMMAND = Stage("one model", "the errors of a model on the validation part")
