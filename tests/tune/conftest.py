"""Tunings of the embedded demo."""

from contextlib import nullcontext
from unittest.mock import patch

import pytest
import yaml
from tunings import DEMO, SMALL, SPACE

from gnn_sim2real.cli.main import main


@pytest.fixture(scope="session")
def tune():
    """Runs `gnn-sim2real tune` in a folder, which gets the space: `tune(folder, *words)`; returns its exit code."""

    def run(
        folder,
        *words,
        space=SPACE,
        trials=3,
        stage=DEMO / "polymer_finetune.yaml",
        small=SMALL,
        output="tuned",
        pictures=False,
    ):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "space.yaml").write_text(yaml.safe_dump({"tune": space}))
        files = ["-c", str(stage), "-c", str(folder / "space.yaml")]
        words = [*small, "--trials", str(trials), "--output", str(folder / output), *map(str, words)]
        no_pictures = patch("gnn_sim2real.tune.run.write_pictures")  # they take longer than the trials
        with nullcontext() if pictures else no_pictures:
            return main(["tune", *files, *words])

    return run


@pytest.fixture(scope="session")
def tuned(made_once, tune):
    """The folder of three trials."""

    def make(folder):
        assert tune(folder, pictures=True) == 0

    return made_once("tuned", make) / "tuned"
