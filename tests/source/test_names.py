"""Every name that the Python files use is there: a missing import shows itself only when its line runs."""

import builtins
import symtable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(path for folder in ("pyfix", "bench", "tests") for path in (ROOT / folder).rglob("*.py"))
ALWAYS = set(dir(builtins)) | {"__file__", "__name__", "__doc__", "__annotations__", "__path__", "__spec__"}


def scopes(table):
    yield table
    for child in table.get_children():
        yield from scopes(child)


def missing(text, name="x"):
    """The global names of a source text that nothing in it defines."""
    module = symtable.symtable(text, name, "exec")
    there = ALWAYS | {symbol.get_name() for scope in scopes(module) for symbol in scope.get_symbols()
                      if (scope is module and (symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()))
                      or symbol.is_declared_global()}
    return {symbol.get_name() for scope in scopes(module) for symbol in scope.get_symbols()
            if symbol.is_referenced() and (symbol.is_global() or scope is module) and symbol.get_name() not in there}


def test_a_name_that_is_not_there_is_seen():
    assert missing("import os\ndef f(path):\n    jail.note(os.path)\n    return len(path)\n") == {"jail"}


def test_every_name_is_there():
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in FILES}
    found = {name: missing(text, name) for name, text in texts.items() if "import *" not in text}
    assert not {name: names for name, names in found.items() if names}
