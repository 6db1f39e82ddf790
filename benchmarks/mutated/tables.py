"""Tables of measured values: CSV and its relatives."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datamodules import Table
from gnn_sim2real.featurize.identity import repeat_unit_identity
from mutated.trial import NOTHING, Trial

ROWS = (("*CC*", 0.95), ("*CC(C)*", 0.9), ("*CC(*)c1ccccc1", 1.05), ("*CCO*", 1.21), ("*C(F)(F)C(F)(F)*", 2.2),
        ("*CC(C)(C(=O)OC)*", 1.18), ("*NCCCCCC(=O)*", 1.13), ("*[Si](C)(C)O*", 0.97), ("*CC(Cl)*", 1.39),
        ("*CC(C#N)*", 1.18), ("*CC(O)*", 1.26), ("*OCCOC(=O)c1ccc(cc1)C(=O)*", 1.37))  # fmt: skip
MEANING = {repeat_unit_identity(smiles): value for smiles, value in ROWS}
UNITS = {"g/cm3": 1.0, "g/cm^3": 1.0, "g cm-3": 1.0, "gcm-3": 1.0, "g/mL": 1.0, "kg/m3": 1000.0, "kg m-3": 1000.0,
         "kgm-3": 1000.0, "kg/L": 1.0, "mg/cm3": 1000.0, "t/m3": 1.0}  # fmt: skip
"""What the numbers are multiplied by."""


def read_values(content: tuple[Path, bytes]) -> dict[str, float]:
    """Value of each material of a table, in g/cm3."""
    path, text = content
    path.write_bytes(text)
    table = Table(path=str(path), property="density", unit="g/cm3").table
    return dict(zip(map(str, table.identities), table.values[:, 0].tolist(), strict=True))


def table_trials(folder: Path, rng: random.Random, rounds: int) -> Iterator[Trial]:
    """Mutated tables; of a row that cannot be read, the others stay."""
    number = 0

    def trial(how: str, text: str | bytes, means: Any = MEANING, suffix: str = ".csv", sound: bool = False) -> Trial:
        nonlocal number
        number += 1  # another file each, so that nothing remembers the last
        content = text if isinstance(text, bytes) else text.encode()
        return Trial(how, (folder / f"t{number}{suffix}", content), means, sound)

    def spell(rows: Any, comma: str = ",", point: str = ".", head: str = "density", factor: float = 1.0) -> str:
        body = (f"{smiles}{comma}{f'{value * factor:.6g}'.replace('.', point)}" for smiles, value in rows)
        return "\n".join([f"smiles{comma}{head}", *body]) + "\n"

    text = spell(ROWS)
    for _ in range(rounds):
        rows = rng.sample(ROWS, len(ROWS))
        place = rng.randrange(len(ROWS))
        lost = {name: value for name, value in MEANING.items() if name != repeat_unit_identity(ROWS[place][0])}
        unit = rng.choice([*UNITS])
        yield trial("another order of the rows", spell(rows), sound=True)
        yield trial("line ends of Windows", text.replace("\n", "\r\n"), sound=True)
        yield trial("byte order mark", b"\xef\xbb\xbf" + text.encode(), sound=True)
        yield trial("semicolons and decimal commas", spell(rows, ";", ","), sound=True)
        yield trial("semicolons", spell(rows, ";"), sound=True)
        yield trial("tabs", spell(rows, "\t"), suffix=rng.choice((".csv", ".tsv")))
        yield trial("sep=;", "sep=;\n" + spell(rows, ";", ","))
        yield trial("comment lines", "# density of polymers\n" + text)
        yield trial("empty lines", text.replace("\n", "\n\n"))
        yield trial("unit in the heading", spell(rows, head=f"density [{unit}]", factor=UNITS[unit]), sound=True)
        yield trial("unit in parentheses", spell(rows, head=f"density ({unit})", factor=UNITS[unit]), sound=True)
        nonsense = rng.choice(("furlong", "K", "g/cm2", "g/zm3", "??", "kg*m3"))
        yield trial("heading with no unit of it", spell(rows, head=f"density ({nonsense})"), NOTHING)
        per_row = [f"{smiles},{value * UNITS[unit]:.6g},{unit}" for smiles, value in rows]
        yield trial("column of units", "\n".join(["smiles,density,unit", *per_row]) + "\n")
        yield trial("kg/m3 without a word", spell(rows, factor=1000.0), NOTHING)
        word = rng.choice(("n/a", "abc", "1.2.3", "1,2,3", "--", "inf", "1e999", "-0.9", "0", "1050"))
        changed = [(smiles, word if row == place else value) for row, (smiles, value) in enumerate(ROWS)]
        body = "\n".join(["smiles;density", *(f"{smiles};{value}" for smiles, value in changed)]) + "\n"
        yield trial("a row without a number", body, lost)
        bad = rng.choice(("*CC", "CC", "*CC(*", "*CC*\u041e", "", "*C[Xx]C*", "*CC*.*CO*"))
        foreign = [(bad if row == place else smiles, value) for row, (smiles, value) in enumerate(ROWS)]
        yield trial("a row without a material", spell(foreign), lost)
        twice = "\n".join(["smiles,density,density", *(f"{smiles},{value},{value + 1}" for smiles, value in ROWS)])
        yield trial("two columns of one name", twice, NOTHING)
        yield trial("no such column", text.replace("density", rng.choice(("dens", "x", ""))), NOTHING)
        yield trial("no material column", text.replace("smiles", "name"), NOTHING)
        yield trial("bytes of a picture", bytes(rng.randrange(256) for _ in range(500)), NOTHING)
        yield trial("UTF-16", text.encode("utf-16"))
        warm = [*(f"{smiles},{value},298" for smiles, value in ROWS), f"{ROWS[place][0]},0.5,500"]
        yield trial("another temperature", "\n".join(["smiles,density,temperature", *warm]) + "\n", NOTHING)
