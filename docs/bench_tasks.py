"""Write the hashes of what each task of the benchmark fixes into its YAML: `python docs/bench_tasks.py [NAME ...]`.

It reads the tables as the studies do, those that do not come with the package below `$GNN_SIM2REAL_DATA`.
"""

import re
import sys

from gnn_sim2real.study.bench_fixed import hash_fixed
from gnn_sim2real.study.bench_task import find_task, task_names
from gnn_sim2real.study.config import read_study
from gnn_sim2real.study.resolve import Resolver


def write(name: str) -> None:
    """Write the hashes of a task.

    Args:
        name: Its name.
    """
    path = find_task(name).path
    text = path.read_text(encoding="utf-8")
    hashes = hash_fixed(Resolver(read_study([str(path)], [])[0]))
    lines = "".join(f"  {part}: {value}\n" for part, value in hashes.items())
    path.write_text(re.sub(r"(?s)^fixed:.*", "", text, flags=re.MULTILINE) + f"fixed:\n{lines}", encoding="utf-8")


if __name__ == "__main__":
    for each in sys.argv[1:] or task_names():
        write(each)
        print(each)  # noqa: T201
