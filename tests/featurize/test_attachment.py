"""Rare atoms that mark the ends of repeat units."""

import pytest

from gnn_sim2real.featurize.attachment import find_attachment, read_marks, replace_marks, require_no_marks

MARKED = ["[Ce]CC[Th]", "[Ce]CC(C)[Th]", "[Ce]CC([Th])c1ccccc1", "[Ce]CCO[Th]", "[Ce]CC(Cl)[Th]"]


@pytest.mark.parametrize(
    ("texts", "pair"),
    [
        (MARKED, {"[Ce]", "[Th]"}),
        (["[Cu]CC[Au]", "[Au]CC(C)[Cu]"], {"[Cu]", "[Au]"}),
        (["[Li]CC[I]", "[Li]CC(C)I", "C(I)C[Li]"], {"[Li]", "[I]"}),
        (["[Po]CC[Po]", "[Po]CCC[Po]"], {"[Po]"}),
        (["CCI", "ClCC(I)C"], None),
        (["*CC*", "*CC(*)C"], None),
        (["[Na]OCC", "[K]OCC"], None),
        (["[Li]CCC", "[Li]CC"], None),
        (["C[Ce]CC[Th]C", "C[Ce]C[Th]C"], None),
        ([], None),
    ],
)
def test_a_pair_that_every_row_has(texts, pair):
    found = find_attachment(texts)
    assert (found if found is None else set(found)) == pair
    if pair is not None:
        with pytest.raises(ValueError, match="attachment"):
            require_no_marks(texts, "marks.csv")


def test_marks_become_stars():
    assert replace_marks("[Ce]CC([Th])C", read_marks("[Ce],[Th]")) == "*CC(*)C"
    assert replace_marks("C(I)C[Li]", read_marks("[Li],[I]")) == "C(*)C*"
    assert replace_marks("[Po]CC[Po]", read_marks("[Po],[Po]")) == "*CC*"
    assert replace_marks("[Ce]CC", read_marks("[Ce],[Th]")) == "[Ce]CC"
    with pytest.raises(ValueError, match="attachment"):
        read_marks("[Ce]")
