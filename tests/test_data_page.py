"""The lines of YAML on the data page make data modules."""

import inspect
import re
from pathlib import Path

import pytest
import yaml

import datamodules

TEXT = (Path(__file__).parents[1] / "docs/data.md").read_text()
LINES = re.findall(r"`(\{class_path: [^`]+\})`", TEXT)


def test_every_source_has_a_line():
    assert len(LINES) >= 16
    named = {re.search(r"datamodules\.(\w+)", line)[1] for line in LINES}
    assert named >= {"Optimade", "MaterialsProject", "RadonPy", "PoLyInfo", "Table", "MaterialsProjectTables"}


@pytest.mark.parametrize("line", LINES)
def test_a_line_makes_its_data_module(line):
    given = yaml.safe_load(line)
    made = getattr(datamodules, given["class_path"].removeprefix("datamodules."))
    if inspect.isclass(made):
        assert made(**given["init_args"]).kind
    else:
        inspect.signature(made).bind(**given["init_args"])


def test_the_blocks_of_yaml_name_what_is_there():
    for block in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL):
        data = yaml.safe_load(block)["data"]
        assert hasattr(datamodules, data["class_path"].removeprefix("datamodules."))
        assert set(data["init_args"]) <= set(inspect.signature(datamodules.ManySources).parameters)
