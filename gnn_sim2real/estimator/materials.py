"""What a user gives as X: materials of any kind in a list, an array, a Series or a DataFrame."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.featurize.attachment import require_no_marks
from gnn_sim2real.featurize.conditions import TEMPERATURE, AtConditions, read_condition
from gnn_sim2real.featurize.crystal_files import Disorder, as_crystal, crystal_formula
from gnn_sim2real.featurize.featurizer import Featurizer, get_featurizer, says_no_structures, with_disorder
from gnn_sim2real.featurize.mixture import Mixture, mixture_identity, normalize
from gnn_sim2real.graph import Graph
from gnn_sim2real.tables.cleaning import read_column
from gnn_sim2real.tables.columns import MATERIAL_HEADINGS, PURE_HEADINGS, plain_heading, read_heading, with_unit
from gnn_sim2real.tables.material_column import (
    Blend,
    find_blend,
    find_blends_alone,
    find_material_column,
    find_pair,
    find_temperature,
)
from gnn_sim2real.tables.mixture_columns import MixtureColumns, read_mixtures
from gnn_sim2real.tables.table import Property
from gnn_sim2real.units import convert

if TYPE_CHECKING:
    import pandas

Kind = Literal["auto", "repeat_unit", "molecule", "composition", "crystal", "mixture"]
"""What materials are; `auto` asks the materials themselves."""

_STRUCTURES = ("structure", "atoms", "crystal", "cif")
_LOOKED_AT = 50
_SHOWN = 60
_UNIT = "unit in the heading"
"""How messages call the place where a user of Python says the unit of simulated values."""
_MISSING = {"NAType", "NaTType"}  # of pandas, by name, since they equal nothing


@dataclass(frozen=True)
class Kinds:
    """What the materials are, found once and then used for all others.

    Attributes:
        name: Name of their featurizer.
        roles: Role of each component of a pair; empty for pure materials.
        conditions: Unit of each condition by name.
        disorder: What becomes of disordered crystals, see `featurize.crystal_files.featurize_crystal`.
        blend: Columns of blends in the table of the training, which another table may have as well.
    """

    name: str
    roles: tuple[str, ...] = ()
    conditions: dict[str, str] = field(default_factory=dict)
    disorder: Disorder = "refuse"
    blend: Blend | None = None

    def find_blend(self, headings: Sequence[str]) -> Blend | None:
        """The columns of blends in a table: those of the training if all are there, else by their headings.

        Args:
            headings: Headings of the table.
        """
        if self.blend is not None and {*self.blend.columns} <= {*headings}:
            return self.blend
        return find_blend(headings)

    def require_structures(self) -> None:
        """Refuse a way to read disordered crystals where the materials are no structures.

        Raises:
            ValueError: If they are none, and there is such a way.
        """
        if self.disorder != "refuse" and self.name != "crystal":
            raise ValueError(says_no_structures(self.disorder, self.name))

    def featurizer(self) -> Featurizer:
        """How such materials become graphs."""
        if self.name == "mixture":
            return get_featurizer("mixture", roles=self.roles, conditions=tuple(self.conditions))
        return with_disorder(get_featurizer(self.name, conditions=tuple(self.conditions)), {"disorder": self.disorder})


@dataclass(frozen=True, eq=False)
class Materials:
    """Materials that were read from X.

    Attributes:
        kind: What they are.
        contents: As the featurizer reads them; None for one that cannot be read.
        names: How each is written.
        identities: Canonical identity of each; empty for one that cannot be read.
        reasons: Why materials cannot be read, by position.
        simulated: Simulated value of each, (num_materials,), NaN where there is none; None without such a column.
        graphs: Graph of each crystal by position, where it was made to see whether there is one, see `with_graphs`.
    """

    kind: Kinds
    contents: list[Any]
    names: list[str]
    identities: list[str]
    reasons: dict[int, str]
    simulated: NDArray[np.float64] | None = None
    graphs: Mapping[int, Graph] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.contents)

    @property
    def readable(self) -> NDArray[np.int64]:
        """Positions of the materials that can be read, ascending."""
        return np.array([row for row in range(len(self)) if row not in self.reasons], np.int64)

    @property
    def first_reason(self) -> str:
        """The first material that cannot be read, with its reason; readers of files name it themselves."""
        row = min(self.reasons)
        return f"{_shown(self.names[row])}: {self.reasons[row].removeprefix(f'{self.names[row]}: ')}"

    def with_graphs(self, featurizer: Featurizer) -> "Materials":
        """The materials, of which those that have no graph have the reason, such as a cell that is far too large.

        Args:
            featurizer: Makes the graphs.
        """
        reasons, graphs = dict(self.reasons), dict[int, Graph]()
        for row in self.readable.tolist():
            try:
                content = self.contents[row]
                if isinstance(content, Mixture):
                    for each in content.components:
                        featurizer.featurize(each)
                else:
                    graphs[row] = featurizer.featurize(content)
            except ValueError as error:
                reasons[row] = " ".join(str(error).split())
        return replace(self, reasons=reasons, graphs=graphs)

    def require_readable(self, advice: str = 'leave it out, or set on_error="nan"') -> None:
        """Refuse materials of which one cannot be read.

        Args:
            advice: What to do.

        Raises:
            ValueError: If there is one; the message names the first, with its reason.
        """
        if not self.reasons:
            return
        first = min(self.reasons)
        more = f" (and {len(self.reasons) - 1} more of {len(self)})" if len(self.reasons) > 1 else ""
        raise ValueError(
            f"X[{first}], {_shown(self.names[first])}, cannot be read: {self.reasons[first]}{more}; {advice}"
        )


def read_materials(
    X: Any,
    kind: Kinds | None = None,
    wanted: Kind = "auto",
    column: str | None = None,
    simulated_column: str | None = None,
    like: Property | None = None,
    disorder: Disorder = "refuse",
) -> Materials:
    """Read X.

    Args:
        X: Materials in a list, a tuple, an array, a Series, or a DataFrame with a column of them: PSMILES, SMILES,
            formulas, crystals (see `featurize.crystal_files.as_crystal`), pairs of two spellings, `Mixture`, or
            `featurize.conditions.AtConditions`. Pairs, blends and copolymers may be in several columns. A column of
            temperatures is one of conditions, beside pure materials if it is not the same everywhere.
        kind: What the materials are, found in an earlier X; found in this one unless given.
        wanted: What they are, if the user says it.
        column: Column of the materials in a DataFrame; found by its heading unless given.
        simulated_column: Column of a DataFrame with simulated values.
        like: The property of the simulated values, with the unit that they get.
        disorder: What becomes of disordered crystals; with `kind` that of it counts.

    Raises:
        ValueError: If X is not a collection of materials, a column is missing, or pairs have other roles.
    """
    given, roles, temperature, values = _take_apart(X, column, simulated_column, like, kind)
    if not given:
        raise ValueError("X is empty; give one or more materials")
    at = [dict(each.conditions) if isinstance(each, AtConditions) else {} for each in given]
    given = [each.material if isinstance(each, AtConditions) else each for each in given]
    _require_materials(given)
    if kind is None:
        found = _find_kind(given, wanted, roles, temperature is not None, _heading(X, column))
        kind = replace(found, disorder=disorder)
        if kind.name == "mixture" and not kind.roles and hasattr(X, "columns"):
            kind = replace(kind, blend=find_blends_alone([str(each) for each in X.columns]))
        if kind.name != "mixture":
            kind = replace(kind, conditions=_find_conditions(at, temperature))
        kind.require_structures()
    if kind.conditions and temperature is None and not any(at) and not any(isinstance(each, Mixture) for each in given):
        raise ValueError(
            f"X has no {', '.join(kind.conditions)}, which the model was learned with; give a DataFrame with it, or "
            f"{'Mixture' if kind.name == 'mixture' else 'AtConditions'} objects with conditions"
        )
    if kind.name in ("repeat_unit", "molecule"):
        require_no_marks([each for each in given if isinstance(each, str)], "X")
    contents, names, identities, reasons = [], [], [], {}
    for row, each in enumerate(given):
        conditions = at[row] or ({} if temperature is None else {TEMPERATURE: float(temperature[row])})
        content = None
        try:
            content, identity = _read_one(each, kind, conditions)
        except ValueError as error:
            reasons[row], identity = " ".join(str(error).split()), ""
        contents.append(content)
        names.append(_name(each))
        identities.append(identity)
    return Materials(kind, contents, names, identities, reasons, values)


def _find_conditions(
    at: Sequence[Mapping[str, int | float]], temperature: NDArray[np.float64] | None
) -> dict[str, str]:
    """Unit of each condition of pure materials; a temperature that is the same everywhere is none."""
    names = sorted({name for each in at for name in each})
    if not names and temperature is not None and len(np.unique(temperature)) > 1:
        names = [TEMPERATURE]
    return {name: "K" if name == TEMPERATURE else "" for name in names}


def _take_apart(
    X: Any, column: str | None, simulated_column: str | None, like: Property | None, kind: Kinds | None
) -> tuple[list[Any], tuple[str, ...], NDArray[np.float64] | None, NDArray[np.float64] | None]:
    """The materials, roles of pairs, temperatures [K], and simulated values, the last two None where there are none."""
    if X is None:
        raise ValueError("X is None; give a list of materials, e.g. ['CCO', 'c1ccccc1']")
    if isinstance(X, str | bytes):
        raise ValueError(f"X is one text, {_shown(X)}, where a list of materials is expected; give [{_shown(X)}]")
    if hasattr(X, "columns") and hasattr(X, "iloc"):
        return _from_frame(X, column, simulated_column, like, kind)
    if simulated_column is not None:
        raise ValueError(
            f"simulated_column={simulated_column!r} is a column of X, which must be a DataFrame then, got "
            f"{type(X).__name__}"
        )
    if _is_material(X):
        raise ValueError(
            f"X is one material of the type {type(X).__name__}, where a list is expected; give it in a list"
        )
    if hasattr(X, "tocsr"):
        raise ValueError("X is a sparse matrix of numbers, where materials are expected: SMILES, formulas, structures")
    if isinstance(X, set | frozenset):
        raise ValueError(f"X is a {type(X).__name__}, which has no order; give a list, so that each has its own value")
    if isinstance(X, dict) or not (isinstance(X, Iterable) or hasattr(X, "__array__")):
        raise ValueError(f"X must be a list of materials, got {type(X).__name__}")
    return (_from_array(np.asarray(X)) if hasattr(X, "__array__") else list(X)), (), None, None


def _from_array(array: NDArray[Any]) -> list[Any]:
    """The materials of an array; a row of two texts is a pair."""
    if np.iscomplexobj(array):
        raise ValueError("Complex data not supported: X must be materials such as SMILES, got complex numbers")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 2 and array.shape[1] == 2 and array.dtype.kind in "OUT":
        return [tuple(row) for row in array.tolist()]
    if array.ndim != 1:
        raise ValueError(f"X must be a list of materials, or an array of the shape (number,), got {array.shape}")
    found: list[Any] = array.tolist()
    return found


def _from_frame(
    frame: "pandas.DataFrame",
    column: str | None,
    simulated_column: str | None,
    like: Property | None,
    kind: Kinds | None,
) -> tuple[list[Any], tuple[str, ...], NDArray[np.float64] | None, NDArray[np.float64] | None]:
    headings = [str(each) for each in frame.columns]
    frame = frame.set_axis(headings, axis=1)
    values = None
    if simulated_column is not None:
        if simulated_column not in headings:
            raise ValueError(f"X has no column {simulated_column!r}, only {', '.join(headings)}")
        wanted = like or Property("simulated", "")
        as_column, numbers = Property(wanted.name, wanted.unit, column=simulated_column), frame.reset_index(drop=True)
        if wanted.unit:  # without a unit of y there is nothing that the unit of the heading could be converted to
            as_column = with_unit(as_column, numbers[[simulated_column]], "X", _UNIT)
        values = read_column(numbers, as_column, "X", _UNIT).values
    others = [each for each in headings if each != simulated_column]
    if column is None:
        crystals = next((each for each in others if plain_heading(each) in _STRUCTURES), None)
        if crystals is not None:
            rest = [each for each in others if each != crystals]
            return frame[crystals].tolist(), (), _temperatures(frame, rest), values
        if pair := find_pair(others):
            pairs = [tuple(row) for row in frame[list(pair.values())].astype(object).to_numpy().tolist()]
            return pairs, tuple(pair), _temperatures(frame, others), values
        if (blend := _find_blend(others, kind)) is not None:
            blends = read_blends(frame, blend, "X")
            return [*blends], (), _temperatures(frame, [each for each in others if each not in blend.columns]), values
        if len(others) == 1:  # its heading says nothing, as after a ColumnTransformer
            return frame[others[0]].tolist(), (), None, values
    found = find_material_column(frame[others], "X", column)
    return frame[found].tolist(), (), _temperatures(frame, [each for each in others if each != found]), values


def _find_blend(headings: Sequence[str], kind: Kinds | None) -> Blend | None:
    """The columns of blends; None where the table is one of other materials."""
    if kind is not None:
        return kind.find_blend(headings) if kind.name == "mixture" and not kind.roles else None
    return find_blends_alone(headings)


def read_blends(frame: "pandas.DataFrame", blend: Blend, source: str) -> list[Mixture]:
    """The blends or copolymers of a table, as written.

    Args:
        frame: The table.
        blend: Their columns.
        source: Name of the table, for messages.
    """
    columns = MixtureColumns(blend.components, blend.weights or None, None, blend.linkage)
    found = read_mixtures(frame, columns, {}, False, source)
    # Without shares of its own a mixture of two would be taken for a pair.
    return [each if each.weights else replace(each, weights=(1.0,) * len(each.components)) for each in found]


def _temperatures(frame: "pandas.DataFrame", columns: Sequence[str]) -> NDArray[np.float64] | None:
    """Temperature of each row [K]; None without a column of them."""
    column = find_temperature(columns)
    if column is None:
        return None
    unit = read_heading(column, "K").unit or "K"
    try:
        numbers = np.asarray(frame[column], np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the column {column!r} of X must be numbers: {error}") from error
    return convert(numbers, unit, "K")


def _heading(X: Any, column: str | None) -> str:
    """Heading of the column of the materials, or of a Series; empty if there is none."""
    if column is not None:
        return column
    if hasattr(X, "columns"):
        return next((str(each) for each in X.columns if plain_heading(str(each)) in PURE_HEADINGS), "")
    return str(getattr(X, "name", None) or "")


def _is_material(X: Any) -> bool:
    """Whether X is a single crystal or mixture: pymatgen's and ASE's are sequences of their atoms."""
    return (
        isinstance(X, Mixture) or hasattr(X, "get_scaled_positions") or (hasattr(X, "lattice") and hasattr(X, "sites"))
    )


def _require_materials(given: Sequence[Any]) -> None:
    """Refuse numbers, which are properties or descriptors, and what is missing everywhere."""
    if all(_is_number(each) for each in given):
        raise ValueError(
            f"X must be materials such as SMILES, formulas or structures, got numbers, X[0] = {given[0]!r}; measured "
            "values are `y`, and descriptors are made by the models themselves"
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number | np.bool_) or value is None


def _find_kind(given: Sequence[Any], wanted: Kind, roles: tuple[str, ...], is_at: bool, heading: str) -> Kinds:
    """What the first materials are."""
    some = [each for each in given if not _is_number(each)][:_LOOKED_AT]
    pairs = [each for each in some if isinstance(each, tuple | list)]
    mixtures = [each for each in some if isinstance(each, Mixture)]
    if wanted == "mixture" or len(pairs) + len(mixtures) > len(some) / 2:
        return _find_roles(pairs, mixtures, roles, is_at)
    if wanted != "auto":
        return Kinds(wanted)
    texts = [each for each in some if isinstance(each, str)]
    if len(texts) <= len(some) / 2 or any("_cell_length_a" in each or "_atom_site" in each for each in texts):
        return Kinds("crystal")
    if sum("*" in each for each in texts) > len(texts) / 2:
        return Kinds("repeat_unit")
    if read_heading(heading).name in MATERIAL_HEADINGS["composition"]:
        return Kinds("composition")
    molecule, formula = get_featurizer("molecule"), get_featurizer("composition")
    only_formulas = sum(_reads(formula, each) and not _reads(molecule, each) for each in texts)
    # `CO` and `CN` are both; a list of formulas has others.
    return Kinds("composition" if only_formulas > len(texts) / 2 else "molecule")


def _find_roles(pairs: Sequence[Any], mixtures: Sequence[Mixture], roles: tuple[str, ...], is_at: bool) -> Kinds:
    conditions = sorted({name for each in mixtures for name in each.conditions})
    units = {name: "K" if name == TEMPERATURE else "" for name in conditions}
    if is_at:
        units[TEMPERATURE] = "K"
    if not pairs and not any(
        each.weights is None and each.linkage is None and len(each.components) == 2 for each in mixtures
    ):
        return Kinds("mixture", (), units)
    first = [str(each[0]) for each in pairs if len(each) == 2] + [each.components[0] for each in mixtures]
    polymers = sum("*" in each for each in first) > len(first) / 2
    return Kinds("mixture", roles or (("polymer", "solvent") if polymers else ("solute", "solvent")), units)


def _reads(featurizer: Featurizer, text: str) -> bool:
    from rdkit import rdBase

    try:
        with rdBase.BlockLogs():
            featurizer.identity(text)
    except ValueError:
        return False
    return True


def _read_one(material: Any, kind: Kinds, conditions: Mapping[str, int | float]) -> tuple[Any, str]:
    """A material as the featurizer reads it, and its identity."""
    if material is None or (isinstance(material, float) and np.isnan(material)) or type(material).__name__ in _MISSING:
        raise ValueError("it is missing")
    if kind.name == "crystal":
        crystal = as_crystal(material, disordered=kind.disorder != "refuse")
        return (_at(crystal, kind, conditions) if kind.conditions else crystal), crystal_formula(crystal)
    if kind.name == "mixture":
        if isinstance(material, tuple | list):
            material = Mixture(tuple(map(str, material)), None, conditions)
        elif isinstance(material, Mixture) and conditions:
            material = replace(material, conditions={**conditions, **material.conditions})
        if not isinstance(material, Mixture):
            raise ValueError(f"it is not a pair of two spellings, but {type(material).__name__}")
        normal = normalize(material, kind.roles, tuple(kind.conditions))
        return normal, mixture_identity(normal, bool(kind.roles))
    if kind.name == "composition" and hasattr(material, "composition"):  # a structure
        material = str(material.composition.formula)
    if not isinstance(material, str):
        raise ValueError(f"it is not a text, but {type(material).__name__}")
    content = material if not kind.conditions else _at(material, kind, conditions)
    return content, kind.featurizer().identity(content)


def _at(material: Any, kind: Kinds, conditions: Mapping[str, int | float]) -> AtConditions:
    return AtConditions(material, {name: read_condition(conditions, name) for name in kind.conditions})


def _name(material: Any) -> str:
    if isinstance(material, str):
        return material if "\n" not in material else material.strip().partition("\n")[0]  # the text of a CIF
    if isinstance(material, tuple | list):
        return " | ".join(map(str, material))
    if isinstance(material, Mixture):
        return material.spell(ordered=material.weights is None)
    for name in ("formula", "get_chemical_formula"):
        found = getattr(material, name, None)
        if found is not None:
            return str(found() if callable(found) else found)
    return str(material)


def _shown(text: str | bytes) -> str:
    shown = repr(text)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
