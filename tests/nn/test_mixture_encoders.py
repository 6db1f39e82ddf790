import json
from dataclasses import replace

import pytest
import torch
from batches import units
from mixtures import PAIRS, blends, pairs

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.featurize.mixture import component_identity
from gnn_sim2real.nn import DMPNN, GINE, Blend, ConditionSpec, Encoder, FingerprintMLP, Pair, PropertyModel
from gnn_sim2real.nn.encoder import build_encoder, encoder_name
from gnn_sim2real.nn.model import PropertySpec
from gnn_sim2real.tasks.transfer import adapt

INNER = {
    "GINE": lambda: GINE(hidden_dim=8, num_layers=2),
    "D-MPNN": lambda: DMPNN(hidden_dim=8),
    "fingerprint": lambda: FingerprintMLP(hidden_dim=8, num_bits=64),
}
TEMPERATURE = ConditionSpec("temperature", "K")


def settled(encoder: Encoder, batch) -> Encoder:
    """In double precision, with running statistics that are not the initial ones."""
    encoder = encoder.double()
    with torch.no_grad():
        for _ in range(5):
            encoder(batch)
    return encoder.eval()


@pytest.fixture(params=INNER)
def blend(request):
    return settled(Blend(INNER[request.param]()), blends({"*CCO*": 1, "*CC*": 2}, {"*C*": 1, "*CC(*)C#N": 1}))


@pytest.fixture(params=[*INNER, "two encoders"])
def pair(request):
    if request.param == "two encoders":
        inner = GINE(hidden_dim=8, num_layers=3), GINE(hidden_dim=6, num_layers=1, readout="mean_and_size")
        return settled(Pair(*inner, hidden_dim=10), pairs(*PAIRS))
    return settled(Pair(INNER[request.param](), hidden_dim=10), pairs(*PAIRS))


class TestBlend:
    def test_with_itself(self, blend):
        """Built by hand, since the table would merge them."""
        one = blends({"*CCO*": 1})
        twice = replace(one, members=torch.zeros(1, 2, dtype=torch.long), weights=torch.tensor([[0.3, 0.7]]))
        torch.testing.assert_close(blend(twice), blend(one))

    def test_order_has_no_meaning(self, blend):
        batch = blends({"*CCO*": 1, "*CC*": 2, "*S*": 3})
        turned = replace(batch, members=batch.members.flip(1), weights=batch.weights.flip(1))
        torch.testing.assert_close(blend(turned), blend(batch))

    def test_weight_zero_is_the_pure_material(self, blend):
        batch = blends({"*CCO*": 70.0, "*CC(*)C#N": 1.0})
        for place, spelling in enumerate(sorted(("*CCO*", "*CC(*)C#N"), key=component_identity)):
            without = replace(batch, weights=batch.weights * (batch.members == place))
            torch.testing.assert_close(blend(without), blend(units(spelling)))

    def test_a_pure_material_is_that_of_the_inner_encoder(self, blend):
        torch.testing.assert_close(blend(units("*CCO*")), blend.encoder(units("*CCO*")))
        torch.testing.assert_close(blend(blends({"*CCO*": 0.2})), blend.encoder(units("*CCO*")))

    def test_shares_change_it(self, blend):
        first, second = blend(blends({"*CCO*": 1, "*CC*": 2}, {"*CCO*": 2, "*CC*": 1}))
        assert (first - second).norm() > 1e-3

    def test_alone_and_in_company(self, blend):
        some = [{"*CCO*": 1, "*CC*": 2}, {"*C*": 1}, {"*CC*": 1, "*S*": 1, "*CC(*)C#N": 2}]
        alone = torch.cat([blend(blends(each)) for each in some])
        torch.testing.assert_close(blend(blends(*some)), alone)


@pytest.fixture(params=INNER)
def linked(request):
    """An encoder that sees the linkage, with bonds that are not the initial ones."""
    batch = blends({"*CCO*": 1, "*CC*": 2}, {"*C*": 1, "*CC(*)C#N": 1}, linkage=[0.5, None])
    encoder = Blend(INNER[request.param](), linkage=True)
    torch.nn.init.normal_(encoder.bond.outer.weight)
    return settled(encoder, batch)


COPOLYMER = {"*CCO*": 1, "*CC(*)C#N": 3}
THREE = {"*CCO*": 1, "*CC*": 2, "*CC(*)C#N": 3}


class TestLinkage:
    def test_it_changes_the_encoding(self, linked):
        kinds = linked(blends(*[COPOLYMER] * 3, linkage=[1.0, 0.375, 0.125]))
        assert torch.pdist(kinds).min() > 1e-3

    def test_order_of_units_has_no_meaning(self, linked):
        batch = blends(THREE, THREE, COPOLYMER, linkage=[0.7, 0.1, 0.4])
        turned = replace(batch, members=batch.members.flip(1), weights=batch.weights.flip(1))
        torch.testing.assert_close(linked(turned), linked(batch))

    def test_a_bond_is_the_same_in_both_directions(self, linked):
        """With equal shares, all that tells A-B from B-A is which unit is named first."""
        there, back = (blends({a: 1, b: 1}, linkage=[0.3]) for a, b in (("*CCO*", "*CC*"), ("*CC*", "*CCO*")))
        torch.testing.assert_close(linked(there), linked(back))

    def test_a_homopolymer_is_that_of_the_inner_encoder(self, linked):
        """Of one unit named twice, by hand, of one whose other unit has no share, and of one alone."""
        pure, one = linked.encoder(units("*CCO*")), blends({"*CCO*": 1})
        many = {"weights": torch.tensor([[0.3, 0.7]]), "linkage": torch.tensor([0.5])}
        torch.testing.assert_close(linked(replace(one, members=torch.zeros(1, 2, dtype=torch.long), **many)), pure)
        batch = blends({"*CCO*": 1, "*CC*": 1}, linkage=[0.5])
        place = sorted(("*CCO*", "*CC*"), key=component_identity).index("*CCO*")
        without = replace(batch, weights=batch.weights * (batch.members == place))
        torch.testing.assert_close(linked(without), pure)
        torch.testing.assert_close(linked(blends({"*CCO*": 1}, linkage=[0.5])), pure)
        torch.testing.assert_close(linked(units("*CCO*")), pure)

    def test_a_blend_is_what_it_was_to_the_last_digit(self, linked):
        plain = Blend(linked.encoder).eval()
        unlinked = blends(THREE, COPOLYMER)
        assert unlinked.linkage is None
        assert torch.equal(linked(unlinked), plain(unlinked))
        beside = blends(THREE, COPOLYMER, COPOLYMER, linkage=[None, 0.5, 0.0])
        assert torch.equal(linked(beside)[[0, 2]], plain(beside)[[0, 2]])
        assert torch.equal(plain(beside), plain(replace(beside, linkage=None)))

    def test_it_is_off_unless_asked_for(self):
        assert Blend(GINE()).describe()["init_args"].keys() == {"encoder"}
        inner = GINE(hidden_dim=8)
        assert Blend(inner).state_dict().keys() == {f"encoder.{name}" for name in inner.state_dict()}

    def test_a_linear_share_of_the_bonds(self, linked):
        """Half of the bonds add half as much."""
        none, half, all_ = linked(blends(*[THREE] * 3, linkage=[0.0, 0.5, 1.0]))
        torch.testing.assert_close(half - none, (all_ - none) / 2)

    def test_alone_and_in_company(self, linked):
        some = [(THREE, 0.7), (COPOLYMER, 0.2), ({"*C*": 1}, None)]
        alone = torch.cat([linked(blends(each, linkage=[q])) for each, q in some])
        together = linked(blends(*(each for each, _ in some), linkage=[q for _, q in some]))
        torch.testing.assert_close(together, alone)

    def test_layers_and_their_features(self, linked):
        held = [id(each) for layer in linked.layers for each in layer.parameters()]
        assert sorted(held) == sorted(id(each) for each in linked.parameters())
        for batch in (blends(THREE, COPOLYMER, linkage=[0.5, 0.1]), units("*CCO*")):
            features = linked.layer_features(batch)
            assert torch.equal(features[-1], linked(batch))
        rebuilt = build_encoder(json.loads(json.dumps(linked.describe())))
        assert rebuilt.state_dict().keys() == linked.state_dict().keys()

    def test_at_first_it_is_the_mean(self):
        torch.manual_seed(0)
        encoder = Blend(GINE(hidden_dim=8, num_layers=1), linkage=True).eval()
        batch = blends(COPOLYMER, linkage=[0.5])
        assert torch.equal(encoder(batch), Blend(encoder.encoder).eval()(batch))
        encoder(batch).sum().backward()
        assert encoder.bond.outer.weight.grad.abs().max() > 0


class TestPair:
    def test_roles_differ(self, pair):
        there, back = (pair(pairs(("*CCO*", "*CC*"))), pair(pairs(("*CC*", "*CCO*"))))
        assert (there - back).norm() > 1e-3

    def test_alone_and_in_company(self, pair):
        torch.testing.assert_close(pair(pairs(*PAIRS)), torch.cat([pair(pairs(each)) for each in PAIRS]))

    def test_spellings(self, pair):
        first, second = pair(pairs(("*CC(*)c1ccccc1", "OCC"), ("*C(c1ccccc1)C*", "CCO")))
        torch.testing.assert_close(first, second)

    def test_only_pairs(self, pair):
        with pytest.raises(ValueError, match=r"mixtures, .*pure"):
            pair(units("*CCO*"))
        with pytest.raises(ValueError, match="components"):
            pair(blends({"*CCO*": 1, "*CC*": 1, "*S*": 1}))


@pytest.mark.parametrize("make", [Blend, Pair], ids=["blend", "pair"])
def test_each_component_is_encoded_once(make, monkeypatch):
    seen = []
    forward = GINE.forward
    monkeypatch.setattr(GINE, "forward", lambda self, batch: seen.append(batch.num_graphs) or forward(self, batch))
    batch = pairs(*PAIRS)
    make(GINE(hidden_dim=8, num_layers=1))(batch)
    assert seen == [len({each for pair in PAIRS for each in pair})]


def test_each_component_is_encoded_once_in_each_role(monkeypatch):
    seen = []
    forward = GINE.forward
    monkeypatch.setattr(GINE, "forward", lambda self, batch: seen.append(batch.num_graphs) or forward(self, batch))
    Pair(GINE(hidden_dim=8, num_layers=1), GINE(hidden_dim=8, num_layers=1))(pairs(*PAIRS))
    assert seen == [len({first for first, _ in PAIRS}), len({second for _, second in PAIRS})]


def test_rebuilt_from_its_description(pair, blend):
    for encoder, batch in ((pair, pairs(*PAIRS)), (blend, blends({"*CCO*": 1, "*CC*": 2}))):
        rebuilt = build_encoder(json.loads(json.dumps(encoder.describe()))).double().eval()
        rebuilt.load_state_dict(encoder.state_dict(), strict=True)
        assert torch.equal(rebuilt(batch), encoder(batch))


def test_layers_hold_all_parameters(pair, blend):
    for encoder in (pair, blend):
        held = [id(each) for layer in encoder.layers for each in layer.parameters()]
        assert sorted(held) == sorted(id(each) for each in encoder.parameters())


def test_an_inner_encoder_that_is_not_there():
    description = Blend(GINE()).describe()
    description["init_args"]["encoder"]["class_path"] = "no_such.Encoder"
    with pytest.raises(CheckpointError, match=r"'no_such\.Encoder'"):
        build_encoder(description)


def test_an_encoder_of_pure_materials_does_not_read_mixtures():
    model = PropertyModel(GINE(hidden_dim=8, num_layers=1), [PropertySpec("chi", "")])
    with pytest.raises(ValueError, match=r"GINE .*mixtures; .*Pair"):
        model(pairs(*PAIRS))


def chi_model(form, **settings):
    torch.manual_seed(0)
    encoder = Pair(GINE(hidden_dim=8, num_layers=2), hidden_dim=10)
    model = PropertyModel(encoder, [PropertySpec("chi", "", form)], conditions=[TEMPERATURE], **settings).double()
    model.fit_scales(torch.tensor([[0.1], [0.9], [2.0]]), conditions=torch.tensor([[280.0], [300.0], [400.0]]))
    return model.eval()


class TestConditions:
    def test_exactly_a_plus_b_over_t(self):
        """Two temperatures fix A and B of a pair; all others lie on that curve."""
        model, temperatures = chi_model("inverse_temperature"), [250.0, 300.0, 333.0, 400.0, 520.0]
        batch = pairs(*[PAIRS[0]] * 5, temperature=temperatures)
        values = model.predict(batch)[:, 0].detach()
        inverse = 1 / torch.tensor(temperatures, dtype=torch.float64)
        b = (values[1] - values[0]) / (inverse[1] - inverse[0])
        a = values[0] - b * inverse[0]
        assert abs(float(b)) > 1e-3
        torch.testing.assert_close(values, a + b * inverse)

    def test_golden_value(self):
        """With outputs (z, s) the value is mean + std (z + s (298.15 / T - 1))."""
        model = chi_model("inverse_temperature")
        with torch.no_grad():
            model.head.mlp[2].weight.zero_()
            model.head.mlp[2].bias.copy_(torch.tensor([0.5, 2.0]))
        model.scaler.mean.fill_(1.0)
        model.scaler.std.fill_(10.0)
        batch = pairs(PAIRS[0], PAIRS[1], temperature=[298.15, 596.3])
        torch.testing.assert_close(
            model.predict(batch)[:, 0], torch.tensor([6.0, -4.0], dtype=torch.float64), rtol=1e-6, atol=0
        )

    def test_other_forms_read_the_temperature(self):
        model = chi_model("linear")
        one, two, three = model.predict(pairs(*[PAIRS[0]] * 3, temperature=[280.0, 300.0, 400.0]))[:, 0].tolist()
        assert model.head.mlp[0].in_features == 11
        assert abs((three - one) / 120 - (two - one) / 20) > 1e-6
        assert chi_model("inverse_temperature").head.mlp[0].in_features == 10

    def test_standardized(self):
        conditions = chi_model("linear").conditions
        batch = pairs(*[PAIRS[0]] * 3, temperature=[280.0, 300.0, 400.0])
        shown = conditions(batch)
        torch.testing.assert_close(shown.mean(), torch.zeros((), dtype=shown.dtype), atol=1e-6, rtol=0)
        torch.testing.assert_close(shown.std(correction=0), torch.ones((), dtype=shown.dtype))

    def test_a_constant_condition(self):
        model = chi_model("linear")
        model.conditions.fit(torch.full((5, 1), 298.15))
        assert model.conditions.std.item() == 1

    def test_rebuilt_from_its_description(self):
        model = chi_model("inverse_temperature")
        rebuilt = PropertyModel.from_description(json.loads(json.dumps(model.describe()))).double().eval()
        rebuilt.load_state_dict(model.state_dict(), strict=True)
        batch = pairs(*PAIRS, temperature=[250.0, 300.0, 350.0, 400.0, 450.0])
        assert torch.equal(rebuilt.predict(batch), model.predict(batch))

    def test_adapted_to_the_same_property(self):
        """Before the first step the model answers with the simulated value at that temperature."""
        model = chi_model("inverse_temperature")
        adapted, report = adapt(model, PropertySpec("chi", "", "inverse_temperature"))
        batch = pairs(*PAIRS, temperature=[250.0, 300.0, 350.0, 400.0, 450.0])
        torch.testing.assert_close(adapted.double().eval().predict(batch), model.predict(batch))
        assert not report.initialized

    def test_no_temperature(self):
        with pytest.raises(ValueError, match="'temperature'"):
            PropertyModel(Pair(GINE(hidden_dim=8)), [PropertySpec("chi", "", "inverse_temperature")])
        with pytest.raises(ValueError, match=r"\btemperature\b.* 0\b"):
            chi_model("linear").predict(pairs(*PAIRS))


@pytest.mark.parametrize(
    ("encoder", "name"),
    [
        (lambda: GINE(hidden_dim=8), "GINE"),
        (lambda: Pair(GINE(hidden_dim=8)), "Pair(GINE)"),
        (lambda: Pair(GINE(hidden_dim=8), GINE(hidden_dim=4)), "Pair(GINE)"),
        (lambda: Pair(GINE(hidden_dim=8), DMPNN(hidden_dim=8)), "Pair(GINE, DMPNN)"),
        (lambda: Blend(FingerprintMLP(hidden_dim=8, num_bits=64)), "Blend(FingerprintMLP)"),
    ],
)
def test_the_name_tells_what_is_inside(encoder, name):
    made = encoder()
    assert made.name == name
    assert encoder_name(made.describe()) == name
