"""What Lightning's `MLFlowLogger` calls of MLflow's client, with its refusals, where MLflow is not installed."""

import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import lightning.pytorch.loggers.mlflow as of_lightning
import pytest

RUN_NAME = "mlflow.runName"
_KEY = re.compile(r"[\w/. -]+")


class Client:
    """Keeps the runs of all clients: name, tags, parameters, metrics, texts, files and status."""

    runs: dict[str, SimpleNamespace]

    def __init__(self, tracking_uri: str | None = None) -> None:
        self.tracking_uri = tracking_uri

    def get_experiment_by_name(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(experiment_id="0", lifecycle_stage="active", name=name)

    def create_run(self, experiment_id: str, tags: dict[str, str]) -> SimpleNamespace:
        assert all(isinstance(value, str) for value in tags.values())
        info = SimpleNamespace(experiment_id=experiment_id, run_id=f"run{len(self.runs)}")
        made = {"params": {}, "metrics": [], "texts": {}, "files": [], "status": ""}
        self.runs[info.run_id] = SimpleNamespace(info=info, tags=dict(tags), **made)
        return self.runs[info.run_id]

    def get_run(self, run_id: str) -> SimpleNamespace:
        return self.runs[run_id]

    def log_batch(self, run_id: str, metrics: Any = (), params: Any = ()) -> None:
        run = self.runs[run_id]
        for each in (*metrics, *params):
            assert _KEY.fullmatch(each.key), f"MLflow refuses the name {each.key}"
        for each in params:
            assert run.params.setdefault(each.key, each.value) == each.value, f"MLflow changes no value: {each.key}"
        run.metrics += [(each.key, each.value, each.step) for each in metrics]

    def log_text(self, run_id: str, text: str, artifact_file: str) -> None:
        self.runs[run_id].texts[artifact_file] = text

    def log_artifact(self, run_id: str, local_path: str, artifact_path: str | None = None) -> None:
        assert Path(local_path).is_file()
        self.runs[run_id].files.append(f"{artifact_path or ''}/{Path(local_path).name}".lstrip("/"))

    def log_artifacts(self, run_id: str, local_dir: str, artifact_path: str | None = None) -> None:
        assert Path(local_dir).is_dir()
        self.runs[run_id].files += [f"{artifact_path}/{each.name}" for each in Path(local_dir).iterdir()]

    def set_terminated(self, run_id: str, status: str) -> None:
        self.runs[run_id].status = status


def use_stub(patch: pytest.MonkeyPatch) -> type[Client]:
    """Let Lightning find the stub as MLflow."""
    client = type("Client", (Client,), {"runs": {}})

    def entity(**values: Any) -> SimpleNamespace:
        return SimpleNamespace(**values)

    contents = {
        "mlflow": {"set_tracking_uri": lambda uri: None},
        "mlflow.tracking": {"MlflowClient": client},
        "mlflow.tracking.context": {},
        "mlflow.tracking.context.registry": {"resolve_tags": lambda tags: dict(tags or {})},
        "mlflow.entities": {"Param": entity, "Metric": entity},
        "mlflow.utils": {},
        "mlflow.utils.mlflow_tags": {"MLFLOW_RUN_NAME": RUN_NAME},
    }
    for name, names in contents.items():
        module = ModuleType(name)
        vars(module).update(names)
        patch.setitem(sys.modules, name, module)
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], last, module)
    patch.setattr(of_lightning, "_MLFLOW_AVAILABLE", True)
    return client
