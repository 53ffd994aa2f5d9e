"""TradingView's lightweight-charts, where it is installed and is the file that we know.

The package `akquant-lwc` carries the file that npm has. execbot trusts that file by its digest
alone, and leaves any other aside.
"""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

from msgspec import Struct

PACKAGE = "akquant_lwc"
FILE = "assets/lightweight-charts.standalone.production.js"
VERSION = "5.2.0"
DIGEST = "c0992580867c4912cc9385b3c2728315bcc1a76c7f1087dca908430fccdf31d7"
"""SHA-256 of lightweight-charts 5.2.0, `dist/lightweight-charts.standalone.production.js`."""


class Library(Struct, frozen=True):
    """`script` is the file's text; None with a sentence in `why_not`."""

    script: str | None = None
    why_not: str = ""


def library(folder: Path | None = None) -> Library:
    """The library from `folder`, else from where the package is installed."""
    where = folder or _folder()
    if where is None:
        return Library(
            why_not="lightweight-charts is not installed (pip install akquant-lwc==0.1.1): "
            "the page has a drawing in its place."
        )
    try:
        content = (where / FILE).read_bytes()
    except OSError as error:
        return Library(
            why_not=f"lightweight-charts cannot be read ({error.strerror or error}): "
            "the page has a drawing in its place."
        )
    if hashlib.sha256(content).hexdigest() != DIGEST:
        return Library(
            why_not=f"The installed lightweight-charts is not the file of {VERSION} (its digest "
            "differs), so it was left aside: the page has a drawing in its place."
        )
    return Library(script=content.decode("utf-8"))


def _folder() -> Path | None:
    """Found without importing the package, which would load pandas."""
    try:
        spec = find_spec(PACKAGE)
    except (ImportError, ValueError):
        return None
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    return Path(places[0]) if places else None
