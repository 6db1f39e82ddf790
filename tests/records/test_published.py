"""Published results are read as they are, or refused with what is wrong."""

import json
from pathlib import Path

import pytest

from gnn_sim2real.records.published import read_published

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
WHOLE = json.loads((RESULTS / "chi.json").read_text())


def of_first_cell(**changes):
    return {"cells": [WHOLE["cells"][0] | changes, *WHOLE["cells"][1:]]}


def test_committed_results_are_read():
    assert len(read_published(RESULTS / "chi.json").records) == len(WHOLE["cells"])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cells": {}}, "`cells`"),
        ({"cells": [5]}, "cell 1 "),
        ({"cells": []}, "published result"),
        ({"versions": "1"}, "`versions`"),
        ({"data": [1]}, "`data`"),
        ({"study": [1]}, "`study`"),
        ({"settings": [1]}, "`settings`"),
        ({"architectures": [1]}, "`architectures`"),
        ({"property": ["density"]}, "`property`"),
        ({"unit": 5}, "`unit`"),
        (of_first_cell(key=5), r"`key`.*\bcell 1\b"),
        (of_first_cell(metrics=[1]), r"`metrics`.*\bcell 1\b"),
        (of_first_cell(metrics={"mae": "0.5"}), r"`mae`.*\bcell 1\b"),
        (of_first_cell(source_size="100"), r"`source_size`.*\bcell 1\b"),
        (of_first_cell(seed=True), r"`seed`.*\bcell 1\b"),
        (of_first_cell(seconds="long"), r"`seconds`.*\bcell 1\b"),
        (of_first_cell(architecture=None), r"`architecture`.*\bcell 1\b"),
    ],
)
def test_values_of_wrong_types_are_told(tmp_path, changes, said):
    file = tmp_path / "result.json"
    file.write_text(json.dumps(WHOLE | changes))
    with pytest.raises(ValueError, match=said) as told:
        read_published(file)
    assert str(file) in str(told.value)


@pytest.mark.parametrize("text", ["[]", "5", "{", "", "[" * 10**5, "\ufeff{}"])
def test_other_files_are_told(tmp_path, text):
    file = tmp_path / "result.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"result\.json"):
        read_published(file)
