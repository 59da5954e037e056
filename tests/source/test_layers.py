"""Who imports whom: the list of docs/architecture.md, "Layers", compared with the imports in the source."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STAGES = ("smtpd", "pickup", "cleanup", "qmgr", "deliver", "bounce")
MAY_MEET = {("smtpd", "cleanup"), ("pickup", "cleanup"), ("qmgr", "bounce"), ("bounce", "cleanup")}


def layers() -> dict[str, int]:
    """The number of each part's layer, as docs/architecture.md has it."""
    text = (ROOT / "docs/architecture.md").read_text().partition("Who may import whom")[2].partition("\n\n")[0]
    rows = re.sub(r"\([^)]*\)", "", text.partition(":\n")[2]).split("·")
    return {part: int(row.split()[0]) for row in rows for parts in re.findall(r"`([^`]+)`", row) for part in parts.split()}


LAYERS = layers()


def modules():
    """(part, file, imported pyfix modules) of each source file."""
    for path in sorted([*(ROOT / "pyfix").rglob("*.py"), *(ROOT / "ext" / "pyfix").rglob("*.pyx")]):
        base = ROOT / "pyfix" if ROOT / "pyfix" in path.parents else ROOT / "ext" / "pyfix"
        relative = path.relative_to(base)
        part = relative.parts[0].removesuffix(".py").removesuffix(".pyx")
        if part != "__init__":
            yield part, relative, imports(path)


def imports(path):
    """The pyfix modules that a file imports or cimports."""
    text = path.read_text()
    if path.suffix == ".pyx":
        return re.findall(r"^\s*(?:from|cimport|import)\s+(pyfix[\w.]*)", text, re.M)
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found += [f"{node.module}.{alias.name}" if node.module == "pyfix" else node.module for alias in node.names]
    return [name for name in found if name.startswith("pyfix")]


@pytest.mark.parametrize(("part", "file", "imported"), list(modules()), ids=lambda value: str(value)[:60])
def test_imports_go_down_only(part, file, imported):
    assert part in LAYERS, f"{part} has no layer: put it into docs/architecture.md"
    for name in imported:
        other = name.split(".")[1] if "." in name else ""
        if not other or other == part:
            continue
        assert other in LAYERS, f"{file} imports {name}, which has no layer"
        if part in STAGES and other in STAGES:
            assert (part, other) in MAY_MEET, f"{file} imports {name}: stages meet only in ipc.messages and queue"
        else:
            assert LAYERS[other] <= LAYERS[part], f"{file} imports {name}, which is above it"
    if part == "master":
        assert not {name.split(".")[1] for name in imported} & set(STAGES), f"{file}: master imports no stage"


def test_each_part_that_the_page_names_is_there():
    assert not [part for part in LAYERS if not any((ROOT / path).exists() for path in (
        f"pyfix/{part}", f"pyfix/{part}.py", f"ext/pyfix/{part}.pyx", f"ext/pyfix/{part}.pxd"))]
