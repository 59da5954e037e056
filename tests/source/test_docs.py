"""What the documents name is there: files they link to, files and modules in code marks, the parts of docs/flow.md."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "bench").rglob("*.md")])
ENDS = r"\.(?:pyx?|pxd|pyi|md|c|jsonl?|svg|toml|sh)"
FILE = re.compile(rf"[\w./-]+{ENDS}|(?:pyfix|ext|tests|bench|docs)/[\w./-]+")
MODULE = re.compile(r"(?:pyfix|bench)(?:\.\w+)+")
NAMES = {path.name for top in ("pyfix", "ext", "bench", "tests", "docs") for path in (ROOT / top).rglob("*.*")}
#: what a page tells its reader to make, or what a command makes
MADE = re.compile(r"report\.(md|json)|mine\.toml|.*\b(NAME|FILE)\..*")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def marked(text: str) -> list[str]:
    """The words in code marks and in indented blocks."""
    spans = re.findall(r"`([^`\n]+)`", text) + re.findall(r"^ {4,}(.+)$", text, re.M)
    return [word.strip(",;:()\"'") for span in spans for word in span.split()]


def there(path: str, page: Path) -> bool:
    """Whether a file of that path is below the root, the package, the extensions' sources or the page's own folder.

    Of a name without a folder it is enough that some file has it: the text around it says where.
    """
    tops = (ROOT, page.parent, ROOT / "pyfix", ROOT / "ext/pyfix", ROOT / "ext")
    return any((top / path).exists() for top in tops) or path in NAMES or path.startswith((".run/", "/", "./"))


def is_module(dotted: str) -> bool:
    """Whether it is a module of this tree, or something in one."""
    parts = dotted.split(".")
    for length in (len(parts), len(parts) - 1, len(parts) - 2):
        path = "/".join(parts[:length])
        if any((ROOT / found).exists() for found in (path, path + ".py", f"ext/{path}.pyx", f"ext/{path}.pxd")):
            return length > 1 or len(parts) == 2 and (ROOT / path).is_dir()
    return False


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_what_a_page_names_exists(page: Path) -> None:
    text = page.read_text()
    lost = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link and not (page.parent / link).exists()]
    for word in marked(text):
        if MODULE.fullmatch(word) and not FILE.fullmatch(word):
            lost += [] if is_module(word) else [word]
        elif FILE.fullmatch(word) and not MADE.fullmatch(word):
            lost += [] if there(word, page) else [word]
    assert not lost


def test_each_step_of_the_flow_is_in_a_file() -> None:
    text = (ROOT / "docs/flow.md").read_text()
    rows = [row.split("|")[2] for row in re.findall(r"^\| \d.*$", text, re.M)]
    parts = [part for row in rows for part in re.findall(r"`([\w/]+)`", row)]
    assert len(rows) == 11 and parts
    assert not [part for part in parts
                if not any((ROOT / path).exists() for path in (f"pyfix/{part}", f"pyfix/{part}.py", f"ext/pyfix/{part}.pyx"))]
