"""Fits the laws of published results again, with the code of today, and draws their figures again.

Cells, their keys and all measured errors stay as they are, to the last digit; only `laws` is written anew. An older
published result knows nothing of its test materials, and the intervals of its laws have never contained their choice.
"""

import argparse
import json
import time
from pathlib import Path

from gnn_sim2real.files import write_json
from gnn_sim2real.records.laws import Results
from gnn_sim2real.records.published import read_published
from gnn_sim2real.records.results import tabulate_records
from gnn_sim2real.records.study_figure import draw_figure
from gnn_sim2real.records.summary import describe_laws
from gnn_sim2real.renamed import current_policy

_RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="*", help="published results (default: all in benchmarks/results)")
    arguments = parser.parse_args()
    for path in arguments.files or sorted(_RESULTS.glob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        if not (isinstance(content, dict) and {"study", "cells", "laws"} <= content.keys() and content["laws"]):
            continue
        started = time.process_time()
        published = read_published(path)
        results = Results(tabulate_records(published.records), content["metric"], pulls=published.pulls)
        # by the name that the policy has in the cells and rows of the file
        names = {current_policy(cell["policy"]): cell["policy"] for cell in content["cells"]}
        content["laws"] = [law | {"policy": names[law["policy"]]} for law in describe_laws(results)]
        write_json(path, content)
        figure = path.with_suffix(".png")
        if figure.exists():
            draw_figure(results, figure, content["study"].get("title", ""), data=published.data)
        print(f"{path.name}: {len(content['laws'])} laws, {time.process_time() - started:.1f} s", flush=True)


if __name__ == "__main__":
    main()
