#!/bin/sh
# A program catches Ctrl-C, says what it knows and ends with its own exit code; run by its command it
# does. Run as `python -m PROGRAM`, as services and cron lines often do, the same program is sometimes
# ended by SIGINT instead and the exit code is lost: where the interrupt fell into source text that was
# being executed, as dataclasses and named tuples do at import.
# For a trader: the code that says "an order may be out there" is gone; a supervisor sees a kill.
# Version: click 8.1.7 under CPython 3.11 to 3.13.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q click==8.1.7
cat > "$work/desk_tool.py" <<'PY'
import sys

import click

IN_DOUBT = 7


@click.command()
@click.argument("where")
def submit(where: str) -> None:
    try:
        if where == "source":
            exec("raise KeyboardInterrupt")
        raise KeyboardInterrupt
    except KeyboardInterrupt:
        click.echo("interrupted: the order may be at the broker")
    sys.exit(IN_DOUBT)


if __name__ == "__main__":
    submit()
PY
cd "$work"
"$work/venv/bin/python" - <<'PY'
import subprocess
import sys

WAYS = {"as a file": ["desk_tool.py"], "python -m": ["-m", "desk_tool"]}
seen = {
    (way, where): subprocess.run(
        [sys.executable, *how, where], stdout=subprocess.DEVNULL
    ).returncode
    for way, how in WAYS.items()
    for where in ("plain", "source")
}
print(f"CPython {sys.version.split()[0]}, a program that catches Ctrl-C and ends with 7:")
for (way, where), code in seen.items():
    print(f"  {way:9}  interrupted in {'plain code' if where == 'plain' else 'executed source':15}  {code}")
wanted = {("as a file", "plain"): 7, ("as a file", "source"): 7, ("python -m", "plain"): 7}
if seen != {**wanted, ("python -m", "source"): -2}:
    sys.exit("changed: read the first lines again")
print("under python -m the caught interrupt ends the program by SIGINT (-2): its exit code is lost")
PY
