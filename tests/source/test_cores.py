"""Every core has its twin, its cut, property and fuzz tests, and its benchmark: the table of cores.py against the tree."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.kit.seeds import CORPUS, seeds
from tests.source.cores import CORES, OTHERS, WHOLE

ROOT = Path(__file__).parents[2]
COMPILED = {".".join(path.relative_to(ROOT / "ext/pyfix").with_suffix("").parts) for path in (ROOT / "ext/pyfix").rglob("*.pyx")}
TAKES_PIECES = re.compile(r"def (feed|receive|data_received)\(self")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def names(path: Path) -> frozenset[str]:
    """What a file defines: functions, constants, and the keys of its dictionaries."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name | ast.alias):
            found.add(node.id if isinstance(node, ast.Name) else node.name)
        elif isinstance(node, ast.Dict):
            found |= {key.value for key in node.keys if isinstance(key, ast.Constant)}
    return frozenset(found)


@cache
def imported(path: Path) -> frozenset[str]:
    """The modules of pyfix that a file imports, itself or through a file of tests/ or bench/."""
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    for name in [name for name in found if name.startswith(("tests.", "bench."))]:
        other = (ROOT / name.replace(".", "/")).with_suffix(".py")
        if other.exists() and other != path:
            found |= imported(other)
    return frozenset(found)


def check(cell: str, module: str, corpus: bool = False) -> None:
    """The file of a cell is there, has what is named, and reaches the module."""
    file, name, *source = cell.split("::")
    path = ROOT / file
    assert path.exists() and name in names(path), f"{module}: {file} has no {name}"
    ways = {f"pyfix.{module}"} | ({f"pyfix.{module.split('.')[0]}"} - {"pyfix._core"})          # a package may hand its module on
    assert ways & imported(path), f"{module}: {file} does not import it"
    if corpus and source:
        assert source[0] in names(path), f"{module}: {file} has no {source[0]}"
    elif corpus:
        assert (CORPUS / f"{name}.txt").exists() and len(seeds(name)) >= 4, f"{module}: no corpus for {name}"


def test_every_compiled_module_is_a_core_or_says_why_not():
    assert not CORES.keys() & OTHERS.keys()
    assert COMPILED == CORES.keys() | OTHERS.keys(), "a new .pyx gets its line in tests/source/cores.py"


@pytest.mark.parametrize("module", CORES)
def test_a_core_has_its_five(module):
    core = CORES[module]
    assert core.twin.startswith("library: ") or (ROOT / core.twin).exists(), f"{module}: no {core.twin}"
    for cell in (core.property, core.bench, *([core.cut] if core.cut != WHOLE else [])):
        check(cell, module)
    check(core.fuzz, module, corpus=True)
    assert core.bench.split("::")[0].startswith("bench/micro/") and core.fuzz.startswith("tests/fuzz/")


@pytest.mark.parametrize("module", [module for module in CORES if CORES[module].cut == WHOLE])
def test_who_takes_pieces_is_fed_in_pieces(module):
    stub = ROOT / "pyfix" / (module.replace(".", "/") + ".pyi")
    assert not TAKES_PIECES.search(stub.read_text()), f"{module} takes pieces: which test cuts its input?"
