#!/usr/bin/env bash
# What someone without the repository gets: builds wheel and source distribution, installs the wheel into a fresh
# environment, and runs there what README and docs promise, on made-up rows, with open data, and with raw files from a
# server on this machine. NEWCOMER_PACKAGES names a folder of installed packages to take the dependencies from, which
# saves their download; without it pip installs them all. NEWCOMER_QUICK=1 leaves out the studies that take minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
python=${PYTHON:-python3}
data=${GNN_SIM2REAL_DATA:-$root/../shared/data}
away=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$away"' EXIT

say() { echo "newcomer: $*"; }
fail() { say "FAILED: $*"; exit 1; }
holds() { [ -s "$1" ] || fail "$1 was not written"; }
says() { grep -q -- "$2" "$1" || { cat "$1"; fail "$1 does not say: $2"; }; }

say "wheel and source distribution"
"$python" -m build --outdir "$away/dist" . > "$away/build.log" 2>&1 || { cat "$away/build.log"; fail "build"; }
"$python" -m twine check --strict "$away"/dist/*
for each in "$away"/dist/*; do
  size=$(stat -c %s "$each")
  say "$(basename "$each"): $((size / 1000)) kB"
  [ "$size" -lt 35000000 ] || fail "$each is larger than 35 MB"
done
tar -tzf "$away"/dist/*.tar.gz | cut -d/ -f2- | grep -v '/$' | sort > "$away/sdist.txt"
git ls-files | sort > "$away/tracked.txt"
missing=$(comm -13 "$away/sdist.txt" "$away/tracked.txt" | grep -v '^\.' || true)
[ -z "$missing" ] || fail "the source distribution lacks: $(echo "$missing" | head -5 | tr '\n' ' ')"

say "a fresh environment"
"$python" -m venv "$away/fresh"
bin=$away/fresh/bin
if [ -n "${NEWCOMER_PACKAGES:-}" ]; then
  echo "$NEWCOMER_PACKAGES" > "$(echo "$away"/fresh/lib/python3*/site-packages)/packages.pth"
  "$bin/pip" install --quiet --disable-pip-version-check --no-deps --force-reinstall "$away"/dist/*.whl
else
  "$bin/pip" install --quiet --disable-pip-version-check "$away"/dist/*.whl
fi
mkdir "$away/home"
cd "$away/home"
unset PYTHONPATH GNN_SIM2REAL_DATA GNN_SIM2REAL_LIBRARY PYTHONDONTWRITEBYTECODE
export GNN_SIM2REAL_CACHE=$away/cache WANDB_MODE=offline OMP_NUM_THREADS=1 NO_PROXY=127.0.0.1
sim=$bin/gnn-sim2real
where=$("$bin/python" -c 'import gnn_sim2real; print(gnn_sim2real.__file__)')
case $where in "$away"/fresh/*) ;; *) fail "gnn_sim2real is imported from $where" ;; esac

say "what there is"
"$sim" --version
"$sim" configs list > configs.txt && says configs.txt polymer/density_open/quick.yaml
"$sim" data list > data.txt && says data.txt qm9
"$sim" reproduce list > reproduce.txt && says reproduce.txt "in the package"
"$sim" configs copy polymer/density_open my-study > /dev/null && holds my-study/density_open/quick.yaml
if "$sim" study run -c configs:polymer/density_open/quik.yaml > typo.log 2>&1; then fail "ran a YAML that is not there"; fi
says typo.log density_open/quick.yaml

say "a project of each kind"
small="--axes.source_size=[0,all] --axes.seed=[0] --axes.split=[0]"  # a corner of its grid
for kind in polymer molecule crystal composition pair; do
  "$sim" init "my-$kind" --kind "$kind" > /dev/null
  # shellcheck disable=SC2086
  (cd "my-$kind" && "$sim" study run -c study.yaml $small > study.log 2>&1) || { cat "my-$kind/study.log"; fail "$kind"; }
  holds "$(find "my-$kind" -name report.html -print -quit)"
done

say "shotgun on a made-up table"
"$bin/python" - <<'PY'
import csv
rows = list(csv.DictReader(open("my-polymer/measured.csv")))
name = next(key for key in rows[0] if key != "smiles")
for file, some in (("mine.csv", rows[:30]), ("other.csv", rows[30:45]), ("new.csv", rows[45:])):
    with open(file, "w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["no", "smiles", *([] if file == "new.csv" else [name])])
        writer.writerows([f"{n:03d}", row["smiles"], *([] if file == "new.csv" else [row[name]])]
                         for n, row in enumerate(some))
PY
library=$(dirname "$(find my-polymer -name card.json -print -quit | xargs dirname)")
fast="--folds=3 --tuning.best=1 --tuning.epochs=2 --tuning.scratch_epochs=2 --foundation=none"
# shellcheck disable=SC2086
"$sim" shotgun mine.csv --property density --unit g/cm3 --test other.csv --predict new.csv --seen warn --minutes 1 \
  --library "$library" $fast --output answer > shotgun.log 2>&1 || { cat shotgun.log; fail shotgun; }
for file in report.html predictions.csv predictions_test.csv predictions_new.csv ranking.csv ranking.png parity.png \
  settings.yaml model/ensemble.json; do
  holds "answer/$file"
done
says answer/report.html "mean absolute error"
says answer/predictions.csv "^.*,001,"
"$sim" predict answer/model new.csv > predict.log 2>&1 && holds predictions.csv
"$sim" predict "$(find my-polymer -name card.json -print -quit | xargs dirname)" new.csv \
  --prediction.output one.csv > one.log 2>&1 && holds one.csv
"$sim" shotgun -c answer/settings.yaml --output again > again.log 2>&1 || { cat again.log; fail "settings.yaml"; }
cmp answer/predictions.csv again/predictions.csv || fail "settings.yaml gives something else"

say "the starter library on one material, and on a crystal with shared sites"
"$sim" predict starter:polymer/density '*CC(*)c1ccccc1' > styrene.log && says styrene.log "simulated (RadonPy"
says styrene.log "below measurement"
"$sim" predict starter:composition/density NaCl > salt.log && says salt.log "g/cm3"
"$bin/python" - <<'PY'
from pymatgen.core import Lattice, Structure
salt = Structure.from_spacegroup("Fm-3m", Lattice.cubic(6.0), [{"Na": 0.5, "K": 0.5}, "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
salt.to("shared.cif", fmt="cif")
PY
if "$sim" predict starter:crystal/formation_energy shared.cif --prediction.output refused.csv > refused.log 2>&1; then fail "read a disordered crystal"; fi
says refused.log "--disorder average"
"$sim" predict starter:crystal/formation_energy shared.cif --disorder average --prediction.output shared.csv > shared.log 2>&1
holds shared.csv
says shared.log "never saw"

say "a table compared with the one behind a published result"
"$bin/python" - <<'PY'
from datamodules.open_data import OPEN_TABLES
import pandas
frame = pandas.read_parquet(OPEN_TABLES["simpoly"].file)[["smiles", "density_g_cm3"]].dropna()
frame.to_csv("density.csv", index=False)
PY
"$sim" data check density.csv --property density --column density_g_cm3 --unit g/cm3 --like density_open_quick > like.txt
says like.txt "THE SAME as the table"

say "tables made of raw files"
if [ -d "$data/upstream" ]; then
  cp "$root/tests/helpers/raw_files.py" "$away/raw_files.py"
  "$bin/python" "$away/raw_files.py" "$data" "$away/port" &
  server=$!
  for _ in $(seq 50); do [ -s "$away/port" ] && break; sleep 0.2; done
  GNN_SIM2REAL_MIRROR="http://127.0.0.1:$(cat "$away/port")"
  export GNN_SIM2REAL_MIRROR
  for name in simpoly matbench_expt_gap htpmd_conductivity homopolymer_md_tg; do
    "$sim" data make "$name" > make.log 2>&1 || { cat make.log; fail "data make $name"; }
  done
  holds "$GNN_SIM2REAL_CACHE/data/polymer/simpoly_measured/simpoly_measured.csv"
  kill "$server" && server=
  if "$sim" data make md_liquids > down.log 2>&1; then fail "made a table without a server"; fi
  [ "$(grep -c '^error: ' down.log)" -eq 1 ] || { cat down.log; fail "no network is not told in one sentence"; }
  unset GNN_SIM2REAL_MIRROR
else
  say "there are no raw files in $data/upstream: not tested"
fi

say "published studies again"
studies="density_open_quick"
[ -n "${NEWCOMER_QUICK:-}" ] || studies="density_open_quick density_open_simulated chi chi_pairs"
for name in $studies; do
  "$sim" reproduce "$name" --quick > "$name.log" 2>&1 || { cat "$name.log"; fail "reproduce $name"; }
  holds "runs/reproduce/$name/comparison.json"
  say "$name: $("$bin/python" -c "
import json
found = json.load(open('runs/reproduce/$name/comparison.json'))
assert found['compared'] and not found['missing'], found
assert not found['unpublished'], found
assert all(cell['same_key'] for cell in found['cells'] if cell['policy'] != 'simulated_value')  # at another m
print(found['verdict'])")"
done
if [ -z "${NEWCOMER_QUICK:-}" ]; then
  say "the first command of the README"
  "$sim" study run -c configs:polymer/density_open/quick.yaml > quick.log 2>&1 || { cat quick.log; fail quick.yaml; }
  holds runs/density_open_quick/report.html
fi
say "all of it works"
