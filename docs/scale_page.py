"""Writes the page on libraries of many models, from the results: `python docs/scale_page.py`."""

import json
from pathlib import Path
from statistics import median
from typing import Any

PAGE = Path(__file__).with_name("scale.md")
RESULTS = Path(__file__).parents[1] / "benchmarks/results"
BYTES_OF_A_WEIGHT = 4

_TEXT = """# Scale

Written by `python docs/scale_page.py` from `benchmarks/results/model_library.json`, `ranking.json`, `library_steps.json`
and `library_cards.jsonl`. A library is a plain folder, and every step works on each of its models alone, so that cost
grows with their number: what was measured on fewer is multiplied.

| step | {models:,} models | measured on |
|---|---|---|
| weights in float32 | {gigabytes:.0f} GB | the median of {cards} published models, {parameters:,} parameters |
| all files of the library | {stored:.0f} GB, {stored_on_disk:.0f} GB on a disk of blocks of 4 kB | {moved:,} models of {moved_parameters:,} parameters |
| one archive of all | {archive:.0f} GB | the same |
| index of the cards | {index:.0f} MB | {listed:,} models |
| all cards read | {cards_seconds:.1f} s | {listed:,} models |
| `models list`, all lines | {list_seconds:.1f} s | {listed:,} models |
| index made again from the files | {index_seconds:.0f} s | {listed:,} models |
| `models verify`, all hashes | {verify} | {moved:,} models |
| `models push` to a folder | {push} | {moved:,} models |
| the same again, all there | {push_again} | {moved:,} models |
| `models pull` from it, all checked | {pull} | {moved:,} models |
| `models export` | {export} | {moved:,} models |
| `shotgun` ranks all of them for {materials} materials | {ranking_hours:.2f} h | {each} of each of {architectures} encoders |

Hours are those of one core, as processor time, on the machine that the files name. What the epochs of a pretraining
cost depends on source and encoder, and most of a build is that: `models build -c LIBRARY.yaml --dry-run` times a few
steps of each kind and says it before anything is computed. Over a network, a push takes as long as its files take; what
is there already is skipped.

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
    steps: dict[str, Any] = json.loads((RESULTS / "library_steps.json").read_text())
    moved = steps["move"]
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
        moved=moved["models"],
        moved_parameters=moved["num_parameters"],
        stored=models / moved["models"] * moved["megabytes"] / 1000,
        stored_on_disk=models / moved["models"] * moved["megabytes_on_disk"] / 1000,
        archive=models / moved["models"] * moved["archive_megabytes"] / 1000,
        **{
            name: _time(models / moved["models"] * moved["seconds"][step]["processor"])
            for name, step in (
                ("verify", "verify"),
                ("push", "push"),
                ("push_again", "push, all there"),
                ("pull", "pull"),
                ("export", "export"),
            )
        },
        materials=ranking["materials"],
        ranking_hours=ranking["hours_for_140000_models"],
        each=ranking["models_of_each_architecture"],
        architectures=len(ranking["models_per_second"]),
    )


def _time(seconds: float) -> str:
    """A time as minutes, or hours where these are many."""
    return f"{seconds / 3600:.1f} h" if seconds >= 2 * 3600 else f"{seconds / 60:.0f} min"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
