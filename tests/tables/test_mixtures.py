import math

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn_sim2real.featurize.mixture import Mixture, component_identity, mixture_identity, normalize
from gnn_sim2real.tables import mixtures as mixture_cleaning
from gnn_sim2real.tables.mixture_columns import MixtureColumns
from gnn_sim2real.tables.mixtures import clean_mixture_table
from gnn_sim2real.tables.table import Property

ROLES = ("solute", "solvent")
COLUMNS = MixtureColumns(ROLES, conditions={"temperature": ("t", "degC")})
PROPERTIES = [Property("energy", "eV")]
GOOD = {"solute": "CCO", "solvent": "O", "t": 25.0, "energy": 1.0}


def clean(rows, **options):
    frame = pd.DataFrame(rows, columns=["solute", "solvent", "t", "energy"])
    settings = {"roles": ROLES, "condition_units": {"temperature": "K"}} | options
    return clean_mixture_table(frame, COLUMNS, PROPERTIES, "pairs", **settings)


spellings = st.sampled_from(["CCO", "OCC", "O", "c1ccccc1", "*CCO*", "no", "", None])
rows_of_pairs = st.lists(
    st.fixed_dictionaries(
        {
            "solute": spellings,
            "solvent": spellings,
            "t": st.sampled_from([25.0, 60.0, -300.0, math.nan]),
            "energy": st.sampled_from([1.0, 2.0]),
        }
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(rows_of_pairs)
def test_all_rows_at_once_are_read_like_one_row_after_the_other(rows):
    rows = [GOOD, *rows]
    table, mixtures = clean(rows)
    wanted, reasons = {}, {}
    for position, row in enumerate(rows):
        written = Mixture((row["solute"] or "", row["solvent"] or ""), None, {"temperature": row["t"] + 273.15})
        try:
            mixture = normalize(written, ROLES, ("temperature",))
            wanted.setdefault(mixture_identity(mixture, ordered=True), mixture)
        except ValueError as error:
            reasons[position + 2] = (written.spell(ordered=True).strip(), f"unreadable mixture: {error}")
    assert table.identities == sorted(wanted)
    assert list(mixtures) == [wanted[name] for name in table.identities]
    assert table.materials is mixtures
    refused = zip(table.quarantine["row"], table.quarantine["material"], table.quarantine["reason"], strict=True)
    assert {row: (material, reason) for row, material, reason in refused} == reasons
    met = dict.fromkeys(each for mixture in mixtures for each in mixture.components)
    assert mixtures.components == list(met)


def test_each_spelling_is_identified_once(monkeypatch):
    asked = []

    def identify(spelling):
        asked.append(spelling)
        return component_identity(spelling)

    monkeypatch.setattr(mixture_cleaning, "component_identity", identify)
    rows = [GOOD | {"solute": "C" * (1 + row % 7), "t": float(row)} for row in range(70)]
    table, _ = clean(rows)
    assert len(table.identities) == 70
    assert sorted(asked) == sorted({"O", *("C" * length for length in range(1, 8))})


def test_what_was_refused_before_keeps_its_reason():
    rows = [GOOD, GOOD | {"solute": "no"}, GOOD | {"solute": "CC"}]
    simulated, _ = clean(rows[:1])
    table, _ = clean(rows, refused_before={1: "not wanted"}, simulated=simulated, require_simulated=True)
    assert table.quarantine["reason"].tolist() == ["not wanted", "no simulated energy"]
    assert table.simulated.tolist() == [[1.0]]
