"""Stored models: the same answers again, and no file that can run code."""

import json
import re

import numpy as np
import pytest
import torch
from tiny import CHAINS, TinyPolymers, density, fit, gine, trained_model

from gnn_sim2real import nn
from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.library import TrainedModel, load_model, save_model
from gnn_sim2real.nn.model import PropertySpec
from gnn_sim2real.tasks import SourcePretraining


@pytest.fixture(scope="module")
def trained():
    data = TinyPolymers(
        {("density", "g/cm3"): list(map(density, CHAINS)), ("mass", "g/mol"): [10.0 * len(each) for each in CHAINS]}
    )
    trainer, module = fit(lambda: SourcePretraining(gine()), data)
    return trainer, trained_model(module, data)


@pytest.fixture
def folder(trained, tmp_path):
    save_model(trained[1], tmp_path / "model")
    return tmp_path / "model"


def change_description(folder, change):
    path = folder / "model.json"
    description = json.loads(path.read_text())
    change(description)
    path.write_text(json.dumps(description))


def test_a_stored_model_gives_the_same_answers(trained, folder):
    _, model = trained
    loaded, wanted = load_model(folder), model.predict(CHAINS)
    found = loaded.predict(CHAINS)
    np.testing.assert_array_equal(found.values, wanted.values)
    assert (found.names, found.units) == (("density", "mass"), ("g/cm3", "g/mol"))
    assert loaded.card == model.card
    assert found.values.shape == (len(CHAINS), 2)


def test_a_model_shows_what_it_predicts_in_a_line(trained, folder):
    for shown in (repr(trained[1]), repr(load_model(folder))):
        assert len(shown.splitlines()) == 1
        assert all(each in shown for each in ("GINE", "density [g/cm3]", "mass [g/mol]", "repeat_unit"))
    source = repr(load_model("starter:polymer/density"))
    assert "radonpy_pi1070" in source


ENCODERS = [each for each in vars(nn).values() if isinstance(each, type) and issubclass(each, nn.Encoder)]


@pytest.mark.parametrize(
    "encoder", [each for each in ENCODERS if each is not nn.Encoder], ids=lambda each: each.__name__
)
def test_every_architecture_can_be_stored(trained, tmp_path, encoder):
    inner = {nn.Blend: [gine()], nn.Pair: [gine()], nn.TruncatedEncoder: [gine(), 1, 8]}.get(encoder, [])
    network = nn.PropertyModel(encoder(*inner), [PropertySpec("density", "g/cm3")]).eval()
    save_model(TrainedModel(network, trained[1].featurizer, {}), tmp_path / "model")
    found = load_model(tmp_path / "model").network
    assert found.describe() == network.describe()
    torch.testing.assert_close(found.state_dict(), network.state_dict(), rtol=0, atol=0)


def test_a_lightning_checkpoint_is_the_same_model(trained, folder, tmp_path):
    trainer, model = trained
    trainer.save_checkpoint(tmp_path / "model.ckpt")
    loaded = load_model(tmp_path / "model.ckpt")
    np.testing.assert_array_equal(loaded.predict(CHAINS).values, model.predict(CHAINS).values)
    assert loaded.fingerprint == load_model(folder).fingerprint
    assert loaded.card["task"] == "SourcePretraining"
    assert loaded.card["data"]["size"] == len(CHAINS)


def test_answers_do_not_depend_on_the_batch(trained):
    _, model = trained
    np.testing.assert_allclose(model.predict(CHAINS, 5).values, model.predict(CHAINS).values, rtol=1e-5)
    np.testing.assert_allclose(model.predict(CHAINS[::-1]).values[::-1], model.predict(CHAINS).values, rtol=1e-5)


def test_the_fingerprint_follows_the_weights(folder, tmp_path):
    first = load_model(folder)
    with torch.no_grad():
        first.network.head.mlp[0].bias[0] += 1
    save_model(first, tmp_path / "changed")
    assert load_model(tmp_path / "changed").fingerprint != first.fingerprint == load_model(folder).fingerprint


def test_nothing_asked_nothing_answered(trained):
    assert trained[1].predict([]).values.shape == (0, 2)


def test_an_unreadable_material_is_named(trained):
    with pytest.raises(ValueError, match=re.escape("'nonsense('")):
        trained[1].predict(["*CCO*", "nonsense("])


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_checkpoint_with_code_is_refused_and_not_run(tmp_path):
    torch.save({"state_dict": {}, "gnn_sim2real_model": Bomb(tmp_path / "exploded")}, tmp_path / "bomb.ckpt")
    with pytest.raises(CheckpointError, match=r"bomb\.ckpt .*\btensors"):
        load_model(tmp_path / "bomb.ckpt")
    assert not (tmp_path / "exploded").exists()
    torch.load(tmp_path / "bomb.ckpt", weights_only=False)["gnn_sim2real_model"].close()
    assert (tmp_path / "exploded").exists()  # the bomb is live


@pytest.mark.parametrize("content", [b"", b"smiles,density\n*CCO*,1\n", b"PK\x03\x04 half a zip", b"\x80\x02K\x01."])
def test_files_that_are_no_checkpoints_are_refused(tmp_path, content):
    (tmp_path / "some.ckpt").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"some\.ckpt"):
        load_model(tmp_path / "some.ckpt")


@pytest.mark.parametrize("content", [{"state_dict": {}}, [1, 2], torch.zeros(3)])
def test_checkpoints_of_other_programs_are_refused(tmp_path, content):
    torch.save(content, tmp_path / "foreign.ckpt")
    with pytest.raises(CheckpointError, match=r"foreign\.ckpt .*gnn_sim2real: .*model"):
        load_model(tmp_path / "foreign.ckpt")


def test_a_truncated_checkpoint_is_refused(trained, tmp_path):
    path = tmp_path / "model.ckpt"
    trained[0].save_checkpoint(path)
    content = path.read_bytes()
    for share in (0.3, 0.9, 0.99):
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(CheckpointError, match=f"{path.name} .*damaged"):
            load_model(path)


def test_no_model_there(tmp_path):
    with pytest.raises(CheckpointError, match=r"nowhere: .*card\.json.*\.ckpt"):
        load_model(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["weights.safetensors", "model.json"])
def test_a_missing_or_truncated_file_is_named(folder, name):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError, match=f"{folder.name} .*damaged"):
        load_model(folder)
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=rf"{folder.name} .*\b{name}"):
        load_model(folder)


@pytest.mark.parametrize(
    ("change", "values"),
    [
        (lambda d: d.update(format=2), "format 2, .* 1"),
        (lambda d: d["featurizer"].update(version=99), r"\brepeat_unit\b.*\b99\b.*\b\d\b"),
        (lambda d: d["featurizer"].update(name="unheard_of"), "featurizer .*unheard_of"),
        (lambda d: d["network"].pop("encoder"), "incomplete .*'encoder'"),
        (lambda d: d["network"]["encoder"].update(class_path="nowhere.Net"), r"'nowhere\.Net'"),
        (lambda d: d["network"]["encoder"].update(class_path="os.system"), r"'os\.system'.* gnn_sim2real\.nn\.Encoder"),
        (lambda d: d["network"]["encoder"]["init_args"].update(depth=3), "GINE .*'depth'"),
        (lambda d: d["network"]["encoder"]["init_args"].update(hidden_dim=16), r"weights .*(?s:.)*\b16\b"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(folder, change, values):
    change_description(folder, change)
    with pytest.raises(CheckpointError, match=values):
        load_model(folder)


@pytest.mark.parametrize("missing", ["network", "featurizer", "card"])
def test_a_description_without_an_entry_is_refused(folder, missing):
    change_description(folder, lambda description: description.pop(missing))
    with pytest.raises(CheckpointError):
        load_model(folder)


def test_a_description_that_is_no_object_is_refused(folder):
    (folder / "model.json").write_text("[1, 2]")
    with pytest.raises(CheckpointError):
        load_model(folder)
