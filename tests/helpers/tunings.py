"""A tuning of the embedded demo, small enough for a test."""

from pathlib import Path

DEMO = Path(__file__).resolve().parents[2] / "configs/demo"
SPACE = {
    "model.optimizer.lr": {"low": 1e-4, "high": 1e-2, "log": True},
    "model.encoder.dropout": {"low": 0.0, "high": 0.3, "step": 0.1},
}
SMALL = ["--data.validation_fraction=0.2", "--trainer.max_epochs=3", "--model.encoder.hidden_dim=8"]
