"""Answers of servers that are mistaken, broken or hostile; the answers themselves are those of the tests."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gnn_sim2real.databases.client import Client
from gnn_sim2real.databases.optimade import OptimadeSnapshotQuery, Query
from gnn_sim2real.databases.snapshot import get_snapshot, snapshot_folder
from mutated.trial import NOTHING, Trial

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "helpers"))

WHOLE = tuple(float(number) for number in range(25))


def server_trials(folder: Path) -> Iterator[Trial]:
    """Spoiled answers of a server whose 25 entries have the values 0 to 24; a bad entry loses its own value alone."""
    from hostile import BAD_ANSWERS, BAD_ENTRIES, BAD_INFO, BAD_PAGES, REDIRECTS

    os.environ["GNN_SIM2REAL_CACHE"] = str(folder / "server")
    yield Trial("as it is", {}, WHOLE, sound=True)
    for name, (text, said) in BAD_ENTRIES.items():
        yield Trial(f"entry: {name}", {"entry": text}, WHOLE if said is None else WHOLE[:12] + WHOLE[13:])
    for name, (place, value, said) in BAD_PAGES.items():
        yield Trial(f"page: {name}", {"page": (place, value)}, NOTHING if said and "entries" not in said else WHOLE)
    for name, text in BAD_INFO.items():
        yield Trial(f"info: {name}", {"info": text}, WHOLE)
    for name, (headers, content, _) in BAD_ANSWERS.items():
        yield Trial(f"answer: {name}", {"answer": (headers, content)}, NOTHING)
    for name, (address, _) in REDIRECTS.items():
        yield Trial(f"redirect: {name}", {"redirect": address}, NOTHING)
    for dropped in ("response_fields", "page_limit", "filter"):
        yield Trial(f"link without {dropped}", {"drops": (dropped,)}, WHOLE)
    yield Trial("the same page for ever", {"endless": "same"}, NOTHING)


def read_answer(spoil: dict[str, Any]) -> tuple[float, ...]:
    """The values of a download."""
    from hostile import HostileServer
    from loopback import serving

    shutil.rmtree(os.environ["GNN_SIM2REAL_CACHE"], ignore_errors=True)
    with serving(HostileServer, spoil=spoil, wanted=None) as server:
        client = Client(sleep=lambda _: None, attempts=2, max_answer=2**20 if "answer" in spoil else 2**24)
        query = Query(server.url, "", ("_test_band_gap",), 10)
        source = OptimadeSnapshotQuery(client, query, {"band_gap": "_test_band_gap"})
        snapshot = get_snapshot(snapshot_folder("hostile", source), source, ("band_gap",))
        frame = pd.read_parquet(snapshot.path)
    return tuple(np.asarray(frame.loc[frame["problem"].isna(), "band_gap"], float).tolist())
