"""A download in a process of its own, which may be killed."""

import os
import signal

from gnn_sim2real.databases import chunks
from gnn_sim2real.databases.client import Client
from gnn_sim2real.databases.optimade import OptimadeSnapshotQuery, Query
from gnn_sim2real.databases.snapshot import get_snapshot, snapshot_folder


class Killed(OptimadeSnapshotQuery):
    """Its process is killed when it has read `stop` pages."""

    stop: int | None = None

    def read(self, bookmark):
        for number, batch in enumerate(super().read(bookmark)):
            if number == self.stop:
                os.kill(os.getpid(), signal.SIGKILL)
            yield batch


def download_gaps(url, stop=None):
    """Download band gaps from a small server and print where they are."""
    chunks.CHUNK_ROWS = 25
    source = Killed(Client(pause=0.01), Query(url, "", ("_test_band_gap",), 10), {"band_gap": "_test_band_gap"})
    source.stop = stop
    print(get_snapshot(snapshot_folder("killed", source), source, ("band_gap",)).path)  # noqa: T201 (for the test)
