"""gnn_sim2real."""

__version__ = "0.1.0"
