"""Which column of somebody's table of a learning curve is the size, which the error, and which tells curves apart."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from gnn_sim2real.tables.columns import plain_heading, read_heading

logger = logging.getLogger(__name__)

_SIZE_NAMES = (
    *("n", "size", "n_source", "num_source", "source", "num_simulated", "n_simulated"),
    *("n_train", "num_train", "ntrain", "train_size", "training_size", "training_set_size", "train_set_size"),
    *("n_samples", "num_samples", "samples", "sample_size", "num_examples", "n_examples", "examples"),
    *("dataset_size", "data_size", "num_data", "n_data", "train_samples", "training_samples", "num_materials"),
    *("fraction", "train_fraction", "data_fraction", "subset_size", "tokens", "num_tokens"),
)
_ERROR_NAMES = (
    *("err", "errors", "mae", "rmse", "mse", "mape", "loss", "nll", "error_rate", "err_rate", "wer", "cer"),
    *("mean_absolute_error", "root_mean_squared_error", "root_mean_square_error", "mean_squared_error"),
    *("mae_nonzero", "cross_entropy", "mean_error", "error_mean", "generalization_error", "perplexity", "ppl"),
)
RISING_NAMES = (
    *("accuracy", "acc", "top1", "top_1", "top5", "top_5", "r2", "r_2", "r2_score", "r_squared", "auc", "roc_auc"),
    *("auroc", "f1", "f1_score", "precision", "recall", "score", "map", "ap", "bleu", "pearson", "spearman", "iou"),
)
"""Names of values of which more is better."""
_OTHER_NAMES = {
    "target_size": ("m", "n_target", "num_target", "num_measured", "n_measured", "n_finetune", "finetune_size"),
    "seed": ("random_seed", "repeat", "run", "trial", "replicate", "rep", "repetition"),
    "split": ("fold", "cv_fold", "test_split"),
    "architecture": ("model", "curve", "method", "network", "encoder", "algorithm", "dataset", "task"),
    "weight": ("weights",),
    "error_std": ("std", "sd", "stdev", "std_dev", "standard_deviation", "error_sd", "sem", "stderr", "standard_error"),
}
ROLES = ("source_size", "error", *_OTHER_NAMES)
"""What a column can be, by the name that is understood without any guess."""
_NEEDED = ("source_size", "error")
_ALIASES = {"size": "source_size", "n": "source_size", "m": "target_size", "std": "error_std", "curve": "architecture"}
_TESTED = ("test_", "")  # the better first; of a training or validation part nothing is taken
LABELS = ("seed", "split", "architecture")
"""Roles whose columns are labels: of several, each combination is one."""
SIZES = ("source_size", "target_size")
"""Roles whose columns are sizes."""
TEXT_HEADINGS = (*_SIZE_NAMES, *(name for role in (*LABELS, *SIZES) for name in (role, *_OTHER_NAMES.get(role, ()))))
"""Headings of what is read as text: the seed 001 is not 1, and the size 1,600 is not 1.6."""


class CurveColumns(NamedTuple):
    """The columns of a table.

    Attributes:
        columns: Columns of each role, in the order of the table; several for labels only.
        quantity: Name of the error as written, without its unit.
        unit: Unit of the error; empty if the heading has none.
    """

    columns: Mapping[str, tuple[str, ...]]
    quantity: str
    unit: str


def parse_columns(text: str) -> dict[str, str]:
    """Read which column is what.

    Args:
        text: Such as `size=n_train,error=MAE`.

    Returns:
        The column of each role.

    Raises:
        ValueError: If it is of another kind.
    """
    found: dict[str, str] = {}
    for word in text.split(","):
        name, equals, column = (part.strip() for part in word.partition("="))
        role = _ALIASES.get(name, name)
        if not equals or not column:
            raise ValueError(f"--columns must be such as size=n_train,error=MAE, got {word!r}")
        if role not in ROLES:
            meant = get_close_matches(role, (*ROLES, *_ALIASES), n=1, cutoff=0.6)
            raise ValueError(
                f"--columns has {name!r}, which is not one of size, {', '.join(ROLES[1:])}"
                + (f"; did you mean {meant[0]!r}?" if meant else "")
            )
        if role in found:
            raise ValueError(f"--columns names a column for {name!r} twice; give one")
        found[role] = column
    return found


def find_columns(headings: Sequence[str], given: Mapping[str, str], *, rising: bool, source: str) -> CurveColumns:
    """Find the columns of a learning curve, by name or by the names that people give them.

    Args:
        headings: Headings of the table.
        given: Column of some roles, from `parse_columns`.
        rising: Whether the values are such that more is better.
        source: Name of the file, for messages.

    Returns:
        The columns. What was guessed is logged.

    Raises:
        ValueError: If a column is missing or misspelled, or several may be meant.
    """
    plain = {heading: _plain(heading) for heading in headings}
    found: dict[str, tuple[str, ...]] = {role: (_named(name, role, headings, source),) for role, name in given.items()}
    taken = {column for columns in found.values() for column in columns}
    free = {heading: name for heading, name in plain.items() if heading not in taken}
    guessed = []
    for role in ROLES:
        if role in found:
            continue
        columns = tuple(heading for heading, name in free.items() if name == role)
        if not columns or (role == "error" and rising):
            columns = (
                _guess(role, free, plain[found["error"][0]] if "error" in found else "", rising, source) or columns
            )
            guessed += [(role, columns)] if columns else []
        if columns and (role in LABELS or len(columns) == 1):
            found[role] = columns
        elif columns:
            listed = ", ".join(map(repr, columns))
            raise ValueError(
                f"{source} has several columns that may be {role}: {listed}; choose one by --columns {_option(role)}="
                f"{columns[0]}"
            )
        for column in columns:
            free.pop(column)
    _refuse_missing(found, plain, free, rising, source)
    _refuse_misspelled(found, free, source)
    if guessed:
        told = ", ".join(f"{_option(role)}={'+'.join(columns)}" for role, columns in guessed)
        logger.info("%s: columns read as %s (choose others by --columns)", source, told)
    (error,) = found["error"]
    heading = read_heading(error, words=False)
    named = error if heading.unit is None else error.partition("[")[0].partition("(")[0].rstrip(" /_,")
    return CurveColumns(found, named or error, heading.unit or "")


def _plain(heading: str) -> str:
    return read_heading(heading, words=False).name


def _option(role: str) -> str:
    return "size" if role == "source_size" else role


def _named(name: str, role: str, headings: Sequence[str], source: str) -> str:
    """The column of a name that a user gave."""
    if name in headings:
        return name
    alike = [heading for heading in headings if plain_heading(heading) == plain_heading(name)]
    if len(alike) == 1:
        return alike[0]
    meant = get_close_matches(name, headings, n=1, cutoff=0.6)
    raise ValueError(
        f"{source} has no column {name!r} for {_option(role)}; its columns are {', '.join(headings)}"
        + (f"; did you mean {meant[0]!r}?" if meant else "")
    )


def _guess(role: str, free: Mapping[str, str], error: str, rising: bool, source: str) -> tuple[str, ...]:
    """Columns whose name is one that people give to a role."""
    if role == "error":
        names: tuple[str, ...] = RISING_NAMES if rising else _ERROR_NAMES
        for part in _TESTED:
            found = tuple(heading for heading, name in free.items() if name in {f"{part}{each}" for each in names})
            whole = tuple(heading for heading, name in free.items() if part and name == f"{part}error" and not rising)
            if found or whole:
                return whole or found
        return ()
    names = _SIZE_NAMES if role == "source_size" else _OTHER_NAMES[role]
    found = tuple(heading for heading, name in free.items() if name in names)
    if role == "error_std" and error:
        own = {f"{error}_std", f"{error}_sd", f"std_{error}", f"{error}_stdev", f"{error}_sem", f"{error}_stderr"}
        found = tuple(heading for heading, name in free.items() if name in own) or found
    return found


def _refuse_missing(
    found: Mapping[str, object], plain: Mapping[str, str], free: Mapping[str, str], rising: bool, source: str
) -> None:
    for role in _NEEDED:
        if role in found:
            continue
        if role == "error" and not rising:
            better = [heading for heading, name in plain.items() if name.removeprefix("test_") in RISING_NAMES]
            if better:
                raise ValueError(
                    f"{source} has no error, but {better[0]!r}, of which more is better: add --rising to fit the law "
                    "to 1 minus it (--ceiling 100 for 100 minus it)"
                )
        known = (role, *(_SIZE_NAMES if role == "source_size" else RISING_NAMES if rising else _ERROR_NAMES))
        meant = [heading for heading, name in free.items() if get_close_matches(name, known, n=1, cutoff=0.75)]
        raise ValueError(
            f"{source} has no column {role!r}; its columns are {', '.join(plain) or 'none'}; say which it is by "
            f"--columns {_option(role)}=NAME" + (f"; did you mean {meant[0]!r}?" if meant else "")
        )


def _refuse_misspelled(found: Mapping[str, object], free: Mapping[str, str], source: str) -> None:
    """Refuse a column that would be ignored but for a misspelling."""
    for heading, name in free.items():
        meant = [each for each in get_close_matches(name, ROLES, cutoff=0.8) if each not in found]
        if meant:
            raise ValueError(
                f"{source} has an unknown column {heading!r}: did you mean {meant[0]!r}? Rename it, remove it, or add "
                f"--columns {_option(meant[0])}={heading}"
            )
