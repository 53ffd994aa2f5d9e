"""Goal: the check of imports finds what it is for, and nothing in a package that is in order.

Method: `.ci/circles.py` as CI runs it, on small packages that the test writes.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import ROOT

CONTRACT = """
[tool.importlinter]
root_package = "shop"
[[tool.importlinter.contracts]]
name = "floors"
type = "layers"
layers = ["shop.counter", "shop.stock | shop.prices", "shop.words"]
[[tool.importlinter.contracts]]
name = "inside the stock"
type = "layers"
containers = ["shop.stock"]
layers = ["order", "shelf"]
"""
IN_ORDER = {
    "counter/till.py": "from shop.stock.order import ask\nfrom shop import prices\n",
    "stock/order.py": "from shop.stock.shelf import SHELF\nfrom .shelf import SHELF\n",
    "stock/shelf.py": "import json\nimport shop.words\nSHELF = 1\n",
    "prices.py": "from shop.words import EURO\n",
    "words.py": "EURO = 'EUR'\n",
}


def check(root: Path, **files: str) -> tuple[int, list[str]]:
    """The check's exit code and lines for the package in order, with these files changed."""
    (root / "pyproject.toml").write_text(CONTRACT)
    chosen = {**IN_ORDER, **{name.replace("__", "/") + ".py": text for name, text in files.items()}}
    for name, text in chosen.items():
        path = root / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(text)
    (root / "shop" / "__init__.py").touch()
    done = subprocess.run(
        [sys.executable, str(ROOT / ".ci" / "circles.py"), str(root)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def test_a_package_in_order_passes_with_all_counts_at_zero(tmp_path: Path) -> None:
    assert check(tmp_path) == (
        0,
        ["circles 0, upward imports 0, folders with more than 24 files 0"],
    )


@pytest.mark.parametrize(
    "how",
    [
        "from shop.stock.order import ask\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import shop.stock.order\n",
        "def late():\n    import shop.stock.order\n",
        "from . import order\n",
    ],
    ids=["plain", "typing only", "inside a function", "relative"],
)
def test_a_circle_is_found_wherever_the_import_stands(tmp_path: Path, how: str) -> None:
    code, lines = check(tmp_path, stock__shelf=how)
    assert code == 1
    assert lines[0] == "circle: shop.stock.order -> shop.stock.shelf -> shop.stock.order"
    assert lines[-1].startswith("circles 1, upward imports 1,")


def test_two_circles_are_counted_apart_and_shown_by_their_shortest_way(tmp_path: Path) -> None:
    code, lines = check(
        tmp_path,
        words="from shop.a import A\n",
        a="from shop.b import B\nfrom shop.words import EURO\n",
        b="from shop.words import EURO\n",
        c="import shop.d\n",
        d="import shop.c\n",
    )
    assert code == 1
    assert lines[:2] == [
        "circle: shop.a -> shop.words -> shop.a",
        "circle: shop.c -> shop.d -> shop.c",
    ]


def test_a_facade_that_hands_its_own_parts_on_is_a_circle_when_they_use_it(tmp_path: Path) -> None:
    check(tmp_path, stock__order="from shop.stock import SHELF\n")
    (tmp_path / "shop" / "stock" / "__init__.py").write_text("from shop.stock.order import ask\n")
    done = subprocess.run(
        [sys.executable, str(ROOT / ".ci" / "circles.py"), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        1,
        "circle: shop.stock -> shop.stock.order -> shop.stock",
    )


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"words": "def late():\n    from shop.prices import x\n"}, "shop.words -> shop.prices"),
        ({"prices": "import shop.counter.till\n"}, "shop.prices -> shop.counter.till"),
        (
            {"stock__shelf": "from shop.counter import till\n"},
            "shop.stock.shelf -> shop.counter.till",
        ),
    ],
)
def test_an_import_into_a_higher_layer_is_named(
    tmp_path: Path, changed: dict[str, str], found: str
) -> None:
    code, lines = check(tmp_path, **changed)
    assert code == 1
    assert f"upward: {found}" in lines


def test_a_crowded_folder_is_named_with_its_number(tmp_path: Path) -> None:
    many = {f"stock__part{number}": "" for number in range(22)}
    code, lines = check(tmp_path, **many)
    assert code == 1
    assert lines == [
        "crowded: shop/stock has 25 files, 24 are allowed",
        "circles 0, upward imports 0, folders with more than 24 files 1",
    ]


def test_execbot_has_no_circle_and_imports_nothing_upward() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / ".ci" / "circles.py"), str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "circles 0, upward imports 0," in done.stdout, done.stdout
