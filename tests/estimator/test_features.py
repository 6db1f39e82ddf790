"""`embed` gives the features of a layer, row by row, in Python and in files."""

import numpy as np
import pandas as pd
import pytest
from refused import refused
from tiny import CHAINS, save_source

from gnn_sim2real import embed, load_model
from gnn_sim2real.cli.main import main


@pytest.fixture(scope="module")
def source(made_once):
    return made_once("source_for_features", lambda folder: save_source(folder / "model")) / "model"


def test_the_last_layer_is_what_the_encoder_gives_and_rows_do_not_depend_on_others(source):
    model = load_model(source)
    whole = embed(CHAINS, model)
    assert whole.shape == (len(CHAINS), model.network.encoder.output_dim)
    np.testing.assert_allclose(embed(CHAINS[3:4], source), whole[3:4], rtol=1e-5)
    np.testing.assert_allclose(embed(CHAINS[:5], model, layer=0), embed(CHAINS[:5], model, layer=-3))
    with refused("layer"):
        embed(CHAINS, model, layer=7)


def test_what_cannot_be_read_is_named_or_is_nan(source):
    with refused("X[1]"):
        embed([CHAINS[0], "*C1CC*"], source)
    found = embed([CHAINS[0], "*C1CC*", None], source, on_error="nan")
    assert np.isnan(found[1:]).all()
    assert np.isfinite(found[0]).all()
    for wrong in (["x"], None, "x", [1.0]):
        with refused():
            embed(wrong, source, on_error="nan")
    with refused("on_error"):
        embed(CHAINS, source, on_error="skip")


@pytest.mark.parametrize("form", ["csv", "parquet", "npy"])
def test_files_of_features(source, tmp_path, form, capsys):
    pd.DataFrame({"id": ["=1+1", "b", "c"], "smiles": [CHAINS[0], "*C1CC*", CHAINS[1]]}).to_csv(tmp_path / "x.csv")
    output = tmp_path / f"features.{form}"
    words = ["embed", str(source), str(tmp_path / "x.csv"), "--output", str(output)]
    assert main(words) == 0
    assert "1 cannot" in capsys.readouterr().out
    expected = embed([CHAINS[0], CHAINS[1]], source)
    if form == "npy":
        found = np.load(output)
    else:
        frame = pd.read_csv(output) if form == "csv" else pd.read_parquet(output)
        assert frame["smiles"].tolist() == [CHAINS[0], "*C1CC*", CHAINS[1]]
        assert frame["id"][0] == ("'=1+1" if form == "csv" else "=1+1")
        assert isinstance(frame["reason"][1], str)
        found = frame[[name for name in frame if name.startswith("feature_")]].to_numpy()
    np.testing.assert_allclose(found[[0, 2]], expected, rtol=1e-5)
    assert np.isnan(found[1]).all()
    assert main(words) == 2  # it is there
    assert main([*words, "--overwrite", "--layer", "0"]) == 0
    assert main([*words, "--overwrite", "--on-error", "raise"]) == 2


@pytest.mark.parametrize(
    ("content", "more"),
    [
        ("smiles\n", []),
        ("smiles\nx\n", []),
        ("a,b\n1,2\n", []),
        ("smiles\n*CC*\n", ["--column", "b"]),
        ("smiles\n*CC*\n", ["--output", "x.txt"]),
    ],
)
def test_files_that_cannot_be_read(source, tmp_path, capsys, monkeypatch, content, more):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").write_text(content)
    assert main(["embed", str(source), "x.csv", *more]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "features.csv").exists()
