"""The page on threats names a test for each attack: every test that it names must exist, and no attack be left out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "Docs" / "ThreatModel.md"
TESTS = ROOT / "Tests"
SHORT = {"I/": "Interop/", "C/": "Interop/conformance/"}

# Every attack that the standards name in these sections.
NAMED = {
    "RFC 9700, section 4": [
        *(f"4.{number}" for number in range(1, 9)), "4.9.1", "4.9.2", "4.10", "4.11.1", "4.11.2",
        *(f"4.{number}" for number in range(12, 18)),
    ],
    "RFC 9449, section 11": [f"11.{number}" for number in range(1, 12)],
    "RFC 8705, section 7": [f"7.{number}" for number in range(1, 6)],
}  # fmt: skip


@dataclass
class Row:
    heading: str
    line: int
    cells: dict[str, str]

    def __str__(self) -> str:
        return f"line {self.line}, {self.heading}"


def cells_of(line: str) -> list[str]:
    """The cells of a row; a bar that is escaped is text."""
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]


def rows() -> Iterator[Row]:
    """Every row of every table with a column of tests."""
    heading, columns = "", None
    for number, line in enumerate(PAGE.read_text().splitlines(), start=1):
        if line.startswith("#"):
            heading, columns = line.lstrip("# "), None
        elif not line.startswith("|"):
            columns = None
        elif columns is None:
            columns = cells_of(line)
        elif "test" in columns and not re.fullmatch(r"[|\-: ]+", line):
            cells = cells_of(line)
            assert len(cells) == len(columns), f"line {number} has {len(cells)} cells, its table {len(columns)}"
            yield Row(heading, number, dict(zip(columns, cells)))


ROWS = list(rows())


def names_in(file: Path) -> set[str]:
    """Functions, suites and display names of a test file."""
    text = file.read_text()
    if file.suffix == ".py":
        return set(re.findall(r"^\s*(?:async def|def|class) (\w+)", text, re.MULTILINE))
    functions = re.findall(r"\bfunc (\w+)\(", text) + re.findall(r"\b(?:struct|class|extension) (\w+)", text)
    return {*functions, *re.findall(r'@(?:Test|Suite)\(\s*"((?:[^"\\]|\\.)*)"', text)}


def missing(cell: str) -> Iterator[str]:
    """What a cell names and the tree does not have.

    A cell is a list of files and folders below Tests, each followed by names of tests in it, all in backquotes. A name
    that ends with an ellipsis stands for those that begin with it. A file without a folder is beside the one before.
    """
    file = None
    for name in re.findall(r"`([^`]+)`", cell):
        for short, long in SHORT.items():
            if name.startswith(short):
                name = long + name.removeprefix(short)
        if re.search(r"(\.swift|\.py|/)$", name):
            beside = file.parent if file is not None and "/" not in name else TESTS
            file = beside / name
            if not file.exists():
                yield f"{name}: no such file"
                file = None
        elif file is None or file.is_dir():
            yield f"{name}: after no file"
        else:
            known = names_in(file)
            begins = name.removesuffix("…")
            if not (any(one.startswith(begins) for one in known) if begins != name else name in known):
                yield f"{name}: not in {file.relative_to(TESTS)}"


def test_the_page_has_its_tables():
    assert len(ROWS) > 90
    assert {"On what is stored", "Operators"} < {row.heading for row in ROWS}


def test_every_test_that_is_named_exists():
    wrong = [f"{row}: {fault}" for row in ROWS for fault in missing(row.cells["test"])]
    assert wrong == []


def test_every_file_that_defends_exists():
    wrong = [
        f"{row}: {name}"
        for row in ROWS
        for name in re.findall(r"`([A-Za-z0-9+]+/[^`…]*)`", row.cells.get("file", ""))
        if not any((base / name).exists() for base in (ROOT / "Sources", ROOT))
    ]
    assert wrong == []


@pytest.mark.parametrize("standard", NAMED)
def test_every_attack_that_a_standard_names_has_a_defence_and_a_test(standard):
    found = [row for row in ROWS if row.heading.startswith(standard)]
    assert set(NAMED[standard]) <= {row.cells["section"] for row in found}
    undefended = [str(row) for row in found if not row.cells["defence"] or "`" not in row.cells["test"]]
    assert undefended == []


@pytest.mark.parametrize(
    ("cell", "faults"),
    [
        ("`I/test_threat_model.py` `test_the_page_has_its_tables`, `C/`", 0),
        ("`I/test_threat_model.py` `test_the_page_…`, `conftest.py`", 0),
        ("`JOSETests/HostileInputTests.swift` `tokens`, `no changed token is accepted`", 0),
        ("`I/test_threat_model.py` `test_the_page`", 1),
        ("`JOSETests/HostileInputTests.swift` `no changed…`, `no such…`", 1),
        ("`JOSETests/NoSuchTests.swift` `tokens`", 2),
    ],
)
def test_what_does_not_exist_is_noticed(cell, faults):
    assert len(list(missing(cell))) == faults
