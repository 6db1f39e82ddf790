"""How fast, and in how much memory, do the entries of a database become a snapshot, a clean table and graphs?

A server of ours on this machine speaks OPTIMADE and makes up crystals of 2 to 24 sites, as many as are asked for. Each
stage runs in a process of its own, so that its peak memory is its own. The workers that make graphs are counted apart,
and so are the pages of mapped files, which the system takes back when it needs them.

    python benchmarks/streaming.py                    # 1,000,000 entries
    python benchmarks/streaming.py --entries 20000    # a short form
"""

import argparse
import json
import multiprocessing
import os
import resource
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import numpy as np
from machine import processor, publish, versions

WANTED_MEMORY = 1.5
"""Peak memory wanted at most [GiB]."""

PAGE = 1000
KINDS = 10_000
"""Distinct structures; the entries repeat them in turn under names and values of their own."""

ELEMENTS = ("Li", "Na", "K", "Mg", "Ca", "Al", "Si", "Ti", "Fe", "Ni", "Cu", "Zn", "O", "S", "N", "F", "Cl", "Br")


def structure(number: int) -> str:
    """Attributes of a made-up crystal, as JSON without its closing brace."""
    rng = np.random.default_rng(number)
    symbols = [ELEMENTS[index] for index in rng.integers(0, len(ELEMENTS), rng.integers(2, 25))]
    side = (14.0 * len(symbols)) ** (1 / 3)
    cell = side * (np.eye(3) + rng.uniform(-0.05, 0.05, (3, 3)))
    steps = int(np.ceil(len(symbols) ** (1 / 3)))
    grid = np.stack(np.meshgrid(*[np.arange(steps)] * 3), -1).reshape(-1, 3)[: len(symbols)]
    sites = (grid + rng.uniform(0, 0.2, grid.shape)) / steps
    attributes = {
        "lattice_vectors": cell.tolist(),
        "cartesian_site_positions": (sites @ cell).tolist(),
        "species": [
            {"name": each, "chemical_symbols": [each], "concentration": [1.0]} for each in sorted(set(symbols))
        ],
        "species_at_sites": symbols,
        "nsites": len(symbols),
        "dimension_types": [1, 1, 1],
        "structure_features": [],
    }
    return json.dumps(attributes)[:-1]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        server, parts = self.server, urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path.endswith("/info/structures"):
            body = json.dumps({"data": {"properties": {"_made_energy": {"unit": "eV/atom"}}}, "meta": {}})
        else:
            start, count = int(asked.get("page_offset", 0)), server.count
            end = min(start + int(asked["page_limit"]), count)
            entries = ",".join(
                f'{{"id":"made-{n}","type":"structures","attributes":{server.kinds[n % KINDS]},"_made_energy":{-n}}}}}'
                for n in range(start, end)
            )
            query = urlencode(asked | {"page_offset": end})
            link = json.dumps(f"http://{self.headers['Host']}{parts.path}?{query}" if end < count else None)
            meta = json.dumps({"data_returned": count, "more_data_available": end < count})
            body = f'{{"data":[{entries}],"meta":{meta},"links":{{"next":{link}}}}}'
        content = body.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


def serve(count: int, pipe: "multiprocessing.connection.Connection") -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.count, server.kinds = count, [structure(number) for number in range(KINDS)]
        pipe.send(server.server_port)
        server.serve_forever()


def make_data(url: str):
    from datamodules.optimade import Optimade, Provider

    settings = {"properties": {"energy": "eV/atom"}, "fields": {"energy": "_made_energy"}, "page_limit": PAGE}
    data = Optimade(url, validation_fraction=0, **settings)
    data.provider = Provider(url, pause=0.0)
    return data


def download(url: str) -> dict[str, object]:
    snapshot = make_data(url).downloaded
    return {"num_entries": snapshot.info["num_entries"], "bytes": snapshot.info["size"]}


def make_graphs(url: str) -> dict[str, object]:
    data = make_data(url)
    graphs = data.data_set.all_graphs
    folder = Path(os.environ["GNN_SIM2REAL_CACHE"]) / "graphs"
    sizes = [file.stat().st_size for file in folder.glob("*.safetensors")]
    return {"num_graphs": len(graphs) - len(graphs.refused), "num_refused": len(graphs.refused), "bytes": sum(sizes)}


def clean(url: str) -> dict[str, object]:
    return {"num_materials": len(make_data(url).table.identities)}


def anonymous_gib() -> float:
    """What this process holds for itself [GiB], without the pages of files that are mapped and can be dropped."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) / 2**20


def watch(peak: list[float], ended: threading.Event) -> None:
    """Keep the most anonymous memory, looked at twenty times a second."""
    while not ended.wait(0.05):
        peak[0] = max(peak[0], anonymous_gib())


def measure(work: Callable[[str], dict[str, object]], url: str, pipe: "multiprocessing.connection.Connection") -> None:
    peak, ended = [0.0], threading.Event()
    watcher = threading.Thread(target=watch, args=(peak, ended))
    watcher.start()
    start = time.perf_counter()
    try:
        found = work(url)
    finally:
        ended.set()
        watcher.join()
    seconds = time.perf_counter() - start
    own, workers = (
        resource.getrusage(who).ru_maxrss / 2**20 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    memory = {"peak_gib": peak[0], "peak_with_mapped_files_gib": own, "largest_worker_with_mapped_files_gib": workers}
    pipe.send(found | {"seconds": round(seconds, 1)} | {name: round(value, 2) for name, value in memory.items()})


def in_process(context, target, *arguments):
    ours, theirs = context.Pipe()
    process = context.Process(target=target, args=(*arguments, theirs))
    process.start()
    return process, ours


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "streaming.json")
    given = parser.parse_args()
    os.environ["NO_PROXY"] = "127.0.0.1"
    context = multiprocessing.get_context("spawn")
    result: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GNN_SIM2REAL_CACHE"] = folder
        server, pipe = in_process(context, serve, given.entries)
        try:
            url = f"http://127.0.0.1:{pipe.recv()}"
            for work in (download, make_graphs, clean):
                process, pipe = in_process(context, measure, work, url)
                while not pipe.poll(1) and process.is_alive():
                    pass
                if not pipe.poll():
                    raise SystemExit(f"{work.__name__} ended with {process.exitcode}")
                found = pipe.recv()
                process.join()
                found["entries_per_second"] = round(given.entries / found["seconds"])
                result[work.__name__] = found
                print(work.__name__, found, flush=True)
        finally:
            server.terminate()
            server.join()
    about = {"entries": given.entries, "processor": processor(), "cores": os.cpu_count(), "page": PAGE}
    about |= {"date": f"{datetime.now(UTC):%Y-%m-%d}", "versions": versions("requests", "pyarrow", "orjson", "numpy")}
    publish(about | result, given.output)
    missing = result["download"]["num_entries"] != given.entries
    highest = max(stage["peak_gib"] for stage in result.values())
    if missing or highest > WANTED_MEMORY:
        raise SystemExit(f"{result['download']['num_entries']} entries, peak {highest} GiB; wanted {WANTED_MEMORY} GiB")


if __name__ == "__main__":
    main()
