"""Which parameters the sources read: what the table of parameters says of itself is held against it.

The law: a parameter is read where a source names it whole (`config.name`, `config["name"]`), where an f-string (or a prefix)
makes its name of words that the same package spells out (`f"smtpd_{stage}_restrictions"`), as a member of a transport's family
(`config.transport(x, "recipient_limit")`), or where the default of one that is read refers to it. Comments, docstrings and
sentences do not count.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from pyfix.config.table import TRANSPORT_FAMILY, details, parameters

NOT_READERS = ("document.py", "sources.py", "table.py", "deprecated.py", "check.py")   # they name parameters and heed none
NAME_OTHERS = ("proxy_read_maps", "proxy_write_maps")     # which tables are allowed, not which are looked up
HOLE = "\0"
_NAME = re.compile(r"[A-Za-z0-9_]+")
_REFERENCE = re.compile(r"\$[({]?([A-Za-z0-9_]+)")
_CYTHON_NOISE = re.compile(r'""".*?"""|#[^\n]*', re.S)
_CYTHON_NAMES = re.compile(r'["\'.]([A-Za-z0-9_]+)\b')


def _docstrings(tree: ast.AST) -> set[int]:
    """Ids of the constants that stand alone: docstrings."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)}


def _pattern(node: ast.JoinedStr) -> str:
    """An f-string with HOLE for each {...}."""
    return "".join(part.value if isinstance(part, ast.Constant) else HOLE for part in node.values)


def python_words(text: str) -> tuple[set[str], set[str]]:
    """(words, patterns) of a Python source: whole strings, lists of words and attributes; and its f-strings."""
    tree = ast.parse(text)
    skip, words, patterns = _docstrings(tree), set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            words.add(node.attr)
        elif isinstance(node, ast.JoinedStr):
            patterns.add(_pattern(node))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skip:
            found = node.value.split()
            if all(_NAME.fullmatch(word) for word in found):
                words.update(found)
                patterns.update(word + HOLE for word in found if word.endswith("_"))
    return words, patterns


def made_of(pattern: str, words: set[str], names: list[str]) -> Iterator[tuple[str, str]]:
    """(name, last part) of the names that a pattern gives with `words` in its holes."""
    if HOLE not in pattern or not re.fullmatch(f"[a-z0-9_{HOLE}]+", pattern) or pattern == HOLE:
        return
    shape = re.compile("(.+)".join(re.escape(part) for part in pattern.split(HOLE)))
    for name in names:
        if pattern == f"{HOLE}_{HOLE}":
            cuts = [(name[:at], name[at + 1:]) for at, char in enumerate(name) if char == "_"]
        else:
            match = shape.fullmatch(name)
            cuts = [match.groups()] if match else []
        for cut in cuts:
            if words.issuperset(cut):
                yield name, cut[-1]


def imported_by(path: Path, text: str) -> set[str]:
    """Dotted names that a source imports, or names as a string (which is how stages and table types are loaded)."""
    package = ".".join(path.parts[:-1])
    found = set(re.findall(r"pyfix(?:\.\w+)+", text)) | {f"{package}.{word}" for word in re.findall(r'"(\w+)"', text)}
    for dots, base, names in re.findall(r"from (\.*)([\w.]*) c?import (\([^)]*\)|[^\n]+)", text):
        base = ".".join(filter(None, (package if dots else "", base)))
        found.add(base)
        found.update(f"{base}.{word}" for word in re.findall(r"\w+", names))
    return found


def sources(root: Path) -> dict[Path, str]:
    """Path below pyfix or ext -> text, of the modules that count: commands, and what another one imports."""
    texts = {path.relative_to(root / top): path.read_text() for top in ("", "ext")
             for suffix in ("py", "pyx") for path in sorted((root / top / "pyfix").rglob(f"*.{suffix}"))}
    imports = {path: imported_by(path, text) for path, text in texts.items()}

    def counts(path: Path) -> bool:
        dotted = ".".join(path.with_suffix("").parts)
        return path.name not in NOT_READERS and "postconf" not in path.name and (
            path.name.startswith("__") or "commands" in path.parts
            or any(dotted in names for other, names in imports.items() if other != path))
    return {path: text for path, text in texts.items() if counts(path)}


def read_here(root: Path) -> set[str]:
    """Names of all parameters that the sources below `root` read."""
    names = [name for name, row in parameters().items() if row.type not in ("obsolete", "family")]
    packages: dict[Path, tuple[set[str], set[str]]] = {}
    for path, text in sources(root).items():
        words, patterns = packages.setdefault(path.parent, (set(), set()))
        if path.suffix == ".pyx":
            words.update(_CYTHON_NAMES.findall(_CYTHON_NOISE.sub("", text)))
        else:
            more = python_words(text)
            words.update(more[0])
            patterns.update(more[1])
    read: set[str] = set()
    for words, patterns in packages.values():
        made = {pair for pattern in patterns for pair in made_of(pattern, words, names)}
        read.update(name for name, _ in made)
        read.update(words & set(names) - {part for _, part in made})
        read.update(TRANSPORT_FAMILY[word] for word in words & set(TRANSPORT_FAMILY))
    return _with_defaults(read, set(names))


def _with_defaults(read: set[str], names: set[str]) -> set[str]:
    """With the parameters that the defaults of `read` refer to."""
    waiting = list(read)
    while waiting:
        reader = waiting.pop()
        for name in _REFERENCE.findall(parameters()[reader].default) if reader not in NAME_OTHERS else ():
            if name in names and name not in read:
                read.add(name)
                waiting.append(name)
    return read


def scan(root: Path) -> list[str]:
    """Rows that claim more than the sources below `root` do, or less."""
    read, out = read_here(root), []
    for name, detail in details().items():
        if parameters()[name].type in ("obsolete", "family", "legacy"):
            continue
        if detail.status != "ignored" and name not in read:
            out.append(f"{name}: says {detail.status}, but nothing reads it")
        elif detail.status == "ignored" and name in read:
            out.append(f"{name}: says ignored, but something reads it")
    return out
