"""The lines of YAML on the data page make data modules."""

import inspect
import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from fences import read_fences

import datamodules
from gnn_sim2real.data.module import DataSettings

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
    blocks = [each.text for each in read_fences(TEXT) if each.language == "yaml"]
    assert len(blocks) > 3
    for block in blocks:
        data = yaml.safe_load(block)["data"]
        made = getattr(datamodules, data["class_path"].removeprefix("datamodules."))
        settings = {field.name for field in fields(DataSettings)}
        assert set(data["init_args"]) <= settings | set(inspect.signature(made).parameters)
