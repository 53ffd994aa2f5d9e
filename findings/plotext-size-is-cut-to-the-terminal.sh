#!/bin/bash
# plotext 6.1.0: `plot_size(160, 40)` gives 80 columns where no terminal is, without a word.
#
# The size that is asked for is cut to that of the terminal. Without one (cron, a pipe, a test, a service) plotext
# takes 80 by 24 for it, so that a chart which was given its size explicitly comes out half as wide; `figure.size()`
# says so afterwards, nothing else does. `plotext.terminal.limit(False, False)` before it lifts the limit.
# For a trader: of a chart that a job sends by mail half the bars are merged or lie over each other.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check plotext==6.1.0
status=0
env -u COLUMNS -u LINES "$folder/venv/bin/python" - > "$folder/seen" 2>&1 <<'PY' || status=$?
import sys

import plotext

figure = plotext.figure


def width() -> int:
    figure.clear()
    figure.plot_size(160, 40)
    figure.draw(figure.signal([1, 2, 3]).lines())
    return max(len(line) for line in figure.build().string(colorless=True).splitlines())


cut = width()
plotext.terminal.limit(False, False)
whole = width()
print(f"asked for 160 columns: {cut}; after terminal.limit(False, False): {whole}")
print("still so" if cut < 160 == whole else "CHANGED")
sys.exit(not cut < 160 == whole)
PY
cat "$folder/seen"
exit "$status"
