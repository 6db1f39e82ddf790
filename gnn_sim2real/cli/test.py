"""`gnn-sim2real test`."""

from gnn_sim2real.cli._stage import Stage

COMMAND = Stage("one model", "the errors of a model on the fixed test part; ScalingLawCallback writes a record")
