"""What every fine-tuning policy keeps to, those of other distributions included."""

import subprocess
import sys
from dataclasses import dataclass
from inspect import signature

import pytest
import torch
from killed import whole_and_resumed
from registries import write_distribution
from simulated import Simulated
from tiny import TinyPolymers, copied, fit, gine, same

from gnn_sim2real import renamed
from gnn_sim2real.records.curves import Kind, model_name
from gnn_sim2real.records.keys import numbers_only
from gnn_sim2real.renamed import current_policy, first_policy
from gnn_sim2real.study.architectures import Architecture
from gnn_sim2real.study.grid import Axes, cell_groups
from gnn_sim2real.tasks import TargetFineTuning
from gnn_sim2real.tasks.policies import (
    REFERENCE,
    FineTuningPolicy,
    describe_policies,
    find_policies,
    find_policy,
    is_fine_tuning,
    make_policy,
    policy_title,
)
from gnn_sim2real.tasks.policies.base import POLICIES

NAMES = list(find_policies())


def in_key(policy, **settings):
    """The part of a key that is of the task."""
    task = "gnn_sim2real.tasks.TargetFineTuning"
    config = {"model": {"class_path": task, "init_args": {"policy": policy, "pretrained": "a"} | settings}}
    return numbers_only(config)["model"]["init_args"]


@pytest.mark.parametrize("name", NAMES)
class TestEveryPolicy:
    """A new file in the folder of policies is found and tested here; a test of its own says what it does."""

    @pytest.fixture
    def make(self, name, source_folder):
        return lambda: TargetFineTuning(pretrained=str(source_folder), policy=name)

    def test_it_stands_in_tables_grid_and_help(self, name):
        kind = find_policy(name)
        assert kind.name == name
        assert policy_title(name) == kind.title
        assert sum(each.title == kind.title for each in find_policies().values()) == 1
        assert kind.title in model_name(Kind("GINE", name))
        for text in (describe_policies(), TargetFineTuning.__doc__, Axes.__doc__):
            assert f"`{name}`: {kind.summary}" in text

    def test_it_stands_from_scratch_where_it_has_a_meaning(self, name):
        axes, encoders = [Axes([0, 50], [10], policy=[name])], [[Architecture("GINE")]]
        found = [point for group in cell_groups(axes, encoders, False) for point in group.points]
        assert [point.source_size for point in found] == [50] if find_policy(name).needs_pretrained else [0, 50]

    def test_exactly_what_it_freezes_stays(self, name, make):
        _, before = fit(make, Simulated(), epochs=0)
        _, after = fit(make, Simulated(), epochs=1)
        parts = before.policy.frozen(before.network, 0)
        frozen = {id(each) for part in parts for each in part.parameters()}
        stays = {key: id(each) in frozen for key, each in before.network.named_parameters()}
        start, end = copied(before.network), copied(after.network)
        assert {key: torch.equal(start[key], end[key]) for key in stays} == stays
        assert not all(stays.values())
        assert {key: not each.requires_grad for key, each in after.network.named_parameters()} == stays

    def test_resumed_equals_undisturbed(self, name, make, tmp_path):
        whole, resumed = whole_and_resumed(tmp_path, [1, 3], make, Simulated())
        assert same(whole[0], resumed[0])
        assert whole[1][-1] == resumed[1][-1]

    def test_without_a_pretrained_model(self, name):
        make = lambda: TargetFineTuning(gine(), policy=name)  # noqa: E731
        if find_policy(name).needs_pretrained:
            with pytest.raises(ValueError, match=repr(name)):
                fit(make, Simulated())
        else:
            before, after = (copied(fit(make, Simulated(), epochs)[1].network.head) for epochs in (0, 1))
            assert not same(before, after)

    def test_the_simulated_value_is_an_input_where_it_says_so(self, name, make, source_folder):
        takes = find_policy(name).takes_simulated
        _, module = fit(make, Simulated(), epochs=0)
        assert (module.network.line is not None) == takes
        if takes:
            with pytest.raises(ValueError, match=rf"'{name}'.*TinyPolymers"):
                fit(make, TinyPolymers())

    def test_checkpoint_and_card_name_it(self, name, make, tmp_path):
        trainer, module = fit(make, Simulated(), epochs=1)
        trainer.save_checkpoint(tmp_path / "a.ckpt")
        kept = torch.load(tmp_path / "a.ckpt", weights_only=True)
        assert kept["gnn_sim2real_model"]["card"]["policy"] == name
        assert kept.get("gnn_sim2real_policy", {}) == module.policy.state_dict()

    def test_keys_know_it_by_its_first_name(self, name):
        own = in_key(name)
        assert own == ({} if name == REFERENCE else {"policy": first_policy(name)})
        assert own == in_key(first_policy(name))
        assert all(own != in_key(other) for other in NAMES if other != name)

    def test_settings_have_defaults_and_enter_the_key(self, name):
        policy = find_policy(name)()
        for setting in policy.settings():
            other = {setting: getattr(policy, setting) + 1}
            assert getattr(make_policy(name, other), setting) == other[setting]
            of_task = setting in signature(TargetFineTuning).parameters
            assert in_key(name, **(other if of_task else {"policy_settings": other})) != in_key(name)
            assert not of_task or in_key(name, **{setting: getattr(policy, setting)}) == in_key(name)


def test_all_of_ours_are_found_and_light():
    program = (
        "import sys\nfrom gnn_sim2real.tasks.policies import find_policies\n"
        "sys.stdout.write(' '.join([*find_policies(), '|', *sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    names, modules = done.stdout.split("|")
    assert {"full", "affine", "delta", "frozen_encoder", "gradual", "l2_sp"} <= set(names.split())
    assert names.split()[0] == REFERENCE
    assert not {"torch", "lightning", "numpy", "gnn_sim2real.tasks.finetune"} & set(modules.split())


def test_old_names_are_read():
    assert {current_policy(old) for old in renamed.POLICIES} == {"full", "frozen_encoder", "l2_sp", "delta"}
    for old, new in renamed.POLICIES.items():
        assert find_policy(old) is find_policy(new)
        assert TargetFineTuning(policy=old).policy.name == new
        assert Axes([10], [10], policy=[old]).policy == [new]
        assert first_policy(new) == first_policy(old) == old
    for name in ("gradual", "affine", "extra_trees"):
        assert current_policy(name) == first_policy(name) == name
    with pytest.raises(ValueError, match="twice"):
        Axes([10], [10], policy=["none", "full"])


def test_what_is_no_policy():
    assert not is_fine_tuning("extra_trees")
    assert policy_title("extra_trees") == "extra trees"
    for make in (find_policy, lambda name: TargetFineTuning(policy=name)):
        with pytest.raises(ValueError, match=r"full, .*l2_sp.*'al'"):
            make("al")
    with pytest.raises(ValueError, match=r"extra_trees.*'al'"):
        Axes([10], [10], policy=["full", "al"])
    with pytest.raises(ValueError, match=r"`depth`.*start_penalty, unfreeze_every"):
        TargetFineTuning(policy_settings={"depth": 1})


@pytest.fixture
def registered():
    """The policies that a test adds are forgotten after it."""
    with POLICIES.isolated():
        yield


def test_a_policy_with_a_state_and_a_setting_resumes(registered, source_folder, tmp_path):
    @dataclass
    class Fading(FineTuningPolicy):
        """Weights are small at first: a penalty that fades with every step."""

        name, title, summary = "fading", "fading", "small weights at first"
        half_life: float = 3.0
        steps: int = 0

        def penalty(self, model):
            self.steps += 1
            weights = torch.cat([each.flatten() for each in model.parameters()])
            return 0.5 ** (self.steps / self.half_life) * weights.square().sum()

        def state_dict(self):
            return {"steps": self.steps}

        def load_state_dict(self, state):
            self.steps = state["steps"]

    def make(**settings):
        return lambda: TargetFineTuning(pretrained=str(source_folder), policy="fading", **settings)

    whole, resumed = whole_and_resumed(tmp_path, [1, 3], make(), TinyPolymers())
    assert same(whole[0], resumed[0])
    (tmp_path / "other").mkdir()
    longer = make(policy_settings={"half_life": 30.0})
    assert not same(whole[0], whole_and_resumed(tmp_path / "other", [], longer, TinyPolymers())[0][0])
    assert in_key("fading", policy_settings={"half_life": 30.0}) == {
        "policy": "fading",
        "policy_settings": {"half_life": 30.0},
    }


def test_policies_of_other_distributions(registered, monkeypatch, tmp_path, caplog):
    (tmp_path / "policies_elsewhere.py").write_text(
        "from gnn_sim2real.tasks.policies import FineTuningPolicy\n"
        "class Elsewhere(FineTuningPolicy):\n"
        "    name, title, summary = 'elsewhere', 'from elsewhere', 'as it comes'\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    write_distribution(tmp_path, POLICIES.group, broken="nowhere", a="policies_elsewhere")
    assert find_policy("elsewhere").title == "from elsewhere"
    assert "nowhere" in caplog.text
    del sys.modules["policies_elsewhere"]


def test_a_policy_without_its_words_or_with_the_name_of_another(registered):
    before = find_policies()
    with pytest.raises(TypeError, match="title"):

        class Silent(FineTuningPolicy):
            name, summary = "silent", "nothing"

    with pytest.raises(TypeError, match="'full'"):

        class Another(FineTuningPolicy):
            name, title, summary = "full", "full", "everything"

    assert find_policies() == before
