"""`gnn-sim2real fit`."""

from gnn_sim2real.cli._stage import Stage

COMMAND = Stage("one model", "train: pretrain on simulated materials, or fine-tune on measured ones")
