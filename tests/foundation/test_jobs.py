"""Features on the launchers of studies: the same rows, each computed once, and found by whoever wants them."""

import numpy as np
import pytest
from tiny_foundation import Named, NotInstalled, Tiny

from gnn_sim2real.cli.main import main
from gnn_sim2real.foundation import compute_features, jobs, make_encoder
from gnn_sim2real.foundation.features import find_missing
from gnn_sim2real.foundation.jobs import cache_features
from gnn_sim2real.launchers.base import Place
from gnn_sim2real.launchers.shard import Shard

CHAINS = [f"*{'C' * (1 + number % 9)}{'O' * (number // 9)}*" for number in range(20)]
SERIAL = Place(launcher="serial")


@pytest.fixture
def wanted(tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "AT_ONCE", 6)
    return compute_features(Tiny(), CHAINS, "repeat_unit", folder=tmp_path / "other").values


def found_in(folder):
    """Rows, none of which is computed now."""
    encoder = Tiny()
    values = compute_features(encoder, CHAINS, "repeat_unit", folder=folder).values
    assert encoder.num_encoded == 0
    return values


@pytest.mark.parametrize("place", [SERIAL, pytest.param(Place("processes", workers=2), marks=pytest.mark.slow)])
def test_every_launcher_makes_the_same_rows(place, wanted, tmp_path):
    assert cache_features(Named("tiny"), [*CHAINS, CHAINS[0]], "repeat_unit", place, folder=tmp_path) == len(CHAINS)
    np.testing.assert_array_equal(found_in(tmp_path), wanted)
    assert cache_features(Named("tiny"), CHAINS, "repeat_unit", place, folder=tmp_path) == 0


def test_shards_share_the_materials(wanted, tmp_path):
    counts = [
        cache_features("tiny", CHAINS, "repeat_unit", SERIAL, folder=tmp_path, shard=Shard(number, 3))
        for number in (3, 1, 2)
    ]
    assert sum(counts) == len(CHAINS)
    assert max(counts) < len(CHAINS)
    np.testing.assert_array_equal(found_in(tmp_path), wanted)


def test_after_a_stop_only_what_is_missing_is_computed(wanted, tmp_path, monkeypatch):
    original, seen = Tiny.encode, []

    def stop(self, prepared):
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(len(prepared))
        return original(self, prepared)

    with monkeypatch.context() as context:
        context.setattr(Tiny, "encode", stop)
        with pytest.raises(KeyboardInterrupt):
            cache_features("tiny", CHAINS, "repeat_unit", SERIAL, folder=tmp_path)
    left = find_missing(make_encoder("tiny").encoder, CHAINS, "repeat_unit", tmp_path)
    assert len(left) == len(CHAINS) - 2 * jobs.AT_ONCE
    assert cache_features("tiny", CHAINS, "repeat_unit", SERIAL, folder=tmp_path) == len(left)
    np.testing.assert_array_equal(found_in(tmp_path), wanted)


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(tmp_path))
    argv = ["data", "features", "demo_measured", "--foundation", "tiny", "--launcher", "serial"]
    assert main(argv) == 0
    assert main(argv) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert "0 materials" not in first
    assert "0 materials" in second
    for wrong in (
        ["--foundation", NotInstalled.name],
        ["--foundation", "tinny"],
        ["--foundation", "tiny", "--shard=2"],
    ):
        assert main(["data", "features", "demo_measured", *wrong]) == 2
        assert capsys.readouterr().err.count("\n") == 1
