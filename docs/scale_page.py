"""Writes the page on libraries of many models, from the results: `python docs/scale_page.py`."""

import json
from pathlib import Path
from statistics import median
from typing import Any

PAGE = Path(__file__).with_name("scale.md")
RESULTS = Path(__file__).parents[1] / "benchmarks/results"
BYTES_OF_A_WEIGHT = 4

_TEXT = """# Scale

Written by `python docs/scale_page.py` from `benchmarks/results/model_library.json`, `ranking.json` and
`library_cards.jsonl`. A library is a plain folder, and every step works on each of its models alone, so that cost grows
with their number.

| step | {models:,} models | measured on |
|---|---|---|
| weights in float32 | {gigabytes:.0f} GB | the median of {cards} published models, {parameters:,} parameters |
| index of the cards | {index:.0f} MB | {listed:,} models |
| all cards read | {cards_seconds:.1f} s | {listed:,} models |
| `models list`, all lines | {list_seconds:.1f} s | {listed:,} models |
| index made again from the files | {index_seconds:.0f} s | {listed:,} models |
| `shotgun` ranks all of them for {materials} materials | {ranking_hours:.2f} h | {each} of each of {architectures} encoders |

One core each, on the machine that the files name. What a pretraining costs depends on the source: `models build -c
LIBRARY.yaml --dry-run` times a few steps of each kind and says it before anything is computed. How long a push takes is
a matter of the network; `models push` skips what is there already. Neither has been measured on 1,000 models yet.

## Which step needs which engine

| step | serial | processes | Ray | shards |
|---|---|---|---|---|
| `study run` | yes | yes | yes | yes |
| `models build` | yes | yes | yes | yes |
| `shotgun` | yes | no | no | no |
| `shotgun study` | yes | yes | yes | yes |
| `data features`, those of foundation encoders | yes | yes | yes | yes |

`--launcher serial | processes | ray` and `--shard i/N` are those of [studies](cluster.md); one code gives out the jobs,
claims and resumes them. A job is a cell, a model, a target of `shotgun study`, or 256 materials of `data features`. The
weights of a library are the same to the last bit whatever the launcher, and so are the records of a shotgun study; a
node of a Ray cluster that is lost costs neither (`tests/study/test_build_launchers.py`,
`tests/shotgun/test_target_jobs.py`).
"""  # noqa: E501


def page() -> str:
    """The text of the page."""
    library: dict[str, Any] = json.loads((RESULTS / "model_library.json").read_text())
    ranking: dict[str, Any] = json.loads((RESULTS / "ranking.json").read_text())
    cards = [json.loads(line) for line in (RESULTS / "library_cards.jsonl").read_text().splitlines()]
    models, parameters = library["models"], int(median(each["num_parameters"] for each in cards))
    return _TEXT.format(
        models=models,
        gigabytes=models * parameters * BYTES_OF_A_WEIGHT / 1e9,
        cards=len(cards),
        parameters=parameters,
        index=library["index_megabytes"],
        listed=models,
        cards_seconds=library["seconds"]["cards()"],
        list_seconds=library["seconds"]["models list, all lines"],
        index_seconds=library["seconds"]["index made of the files, processor time"],
        materials=ranking["materials"],
        ranking_hours=ranking["hours_for_140000_models"],
        each=ranking["models_of_each_architecture"],
        architectures=len(ranking["models_per_second"]),
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
