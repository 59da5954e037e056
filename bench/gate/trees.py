"""Trees to measure: this checkout, and any commit built in a scratch folder (kept by commit, in .run/gate).

The law: a base is built from the commit's own files with this Python and its Cython. Extension modules whose source and
whose definition files (.pxd, setup.py) are the same in both trees are copied: building them again would give the same.
Only those modules are built that are needed for what is to be measured; the others' sources wait under another name.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
CACHE = CHECKOUT / ".run/gate"


def git(*words: str, root: Path = CHECKOUT) -> str:
    """What git prints. RuntimeError: what it complains of."""
    done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"git {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout.strip()


def commit_of(name: str = "HEAD") -> str:
    """The full hash of a commit."""
    return git("rev-parse", "--verify", name + "^{commit}")


def dirty() -> bool:
    """Whether the checkout has changes to what is measured that are in no commit."""
    return bool(git("status", "--porcelain", "--", "ext", "pyfix", "setup.py"))


def definitions(tree: Path) -> bytes:
    """A digest of what may change any module's code: definition files and the build itself."""
    digest = hashlib.sha256()
    for path in sorted([*tree.glob("ext/**/*.pxd"), *tree.glob("ext/**/*.h"), tree / "setup.py"]):
        digest.update(str(path.relative_to(tree)).encode() + b"\0" + path.read_bytes())
    return digest.digest()


def borrow(tree: Path, other: Path) -> None:
    """Takes built modules from `other` where they would come out the same, and their sources out of the way."""
    if definitions(tree) != definitions(other):
        return
    for source in tree.glob("ext/**/*.pyx"):
        name = source.relative_to(tree / "ext")
        theirs = other / "ext" / name
        built = list((other / name).parent.glob(name.stem + ".cpython-*.so"))
        if built and theirs.is_file() and theirs.read_bytes() == source.read_bytes() \
                and built[0].stat().st_mtime >= theirs.stat().st_mtime:
            shutil.copy2(built[0], (tree / name).parent / built[0].name)
            source.unlink()


def build(commit: str, needed: Collection[str] | None = None) -> Path:
    """The tree of a commit with the modules `needed` (names as in imports; None: all) built. RuntimeError: it can't be built, and why."""
    tree = CACHE / f"{commit[:12]}-{sys.implementation.cache_tag}"
    if not (tree / "extracted").exists():
        extract(commit, tree)
    choose(tree, needed)
    if stale(tree):
        done = subprocess.run([sys.executable, "setup.py", "-q", "build_ext", "--inplace", "-j", "2"], cwd=tree,
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{commit[:12]} can't be built:\n{done.stderr[-2000:]}")
    return tree


def extract(commit: str, tree: Path) -> None:
    """A commit's files, and those modules that this checkout can lend."""
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    archive = subprocess.run(["git", "-C", str(CHECKOUT), "archive", commit, "--", "ext", "pyfix", "setup.py", "pyproject.toml"],
                             capture_output=True, check=True).stdout
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        tar.extractall(tree, filter="data")
    borrow(tree, CHECKOUT)
    (tree / "extracted").touch()


def choose(tree: Path, needed: Collection[str] | None) -> None:
    """Shows the build those sources that are needed, and hides what is neither needed nor built yet."""
    for source in [*tree.glob("ext/**/*.pyx"), *tree.glob("ext/**/*.pyx.later")]:
        shown = source.with_name(source.name.removesuffix(".later"))
        name = ".".join(shown.relative_to(tree / "ext").with_suffix("").parts)
        if needed is None or name in needed:
            source.rename(shown)
        elif not built(tree, shown):
            source.rename(shown.with_name(shown.name + ".later"))


def built(tree: Path, source: Path) -> bool:
    """Whether the module of a .pyx file is there and not older than it."""
    name = source.relative_to(tree / "ext")
    found = list((tree / name).parent.glob(name.stem + ".cpython-*.so"))
    return bool(found) and found[0].stat().st_mtime >= source.stat().st_mtime


def python_of(tree: Path) -> Path:
    """A Python that takes pyfix from a tree, also with -I (as master starts its services), and all else from this installation."""
    if tree.resolve() == CHECKOUT:
        return Path(sys.executable)
    home = tree / ".python"
    if not (home / "bin/python").exists():
        venv.create(home, symlinks=True, with_pip=False)
        packages = sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)})
        Path(packages, "tree.pth").write_text(f"{tree.resolve()}\n{sysconfig.get_path('purelib')}\n")
    return home / "bin/python"


def needed(tree: Path, names: Sequence[str]) -> set[str]:
    """The extension modules that operations import in a built tree."""
    return set(json.loads(run_measure(tree, names, "--modules")))


def stale(tree: Path) -> list[str]:
    """Modules of a tree that are older than their source, or were never built: their figures would be those of other code."""
    return sorted(str(source.relative_to(tree / "ext").with_suffix("")) for source in tree.glob("ext/**/*.pyx") if not built(tree, source))


def tool(*command: str) -> str:
    """The first line a tool says about itself, "" where it is not there."""
    try:
        return (subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines() or [""])[0]
    except OSError:
        return ""


def processor() -> str:
    """The processor's name (the C library chooses its code by it)."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def environment(method: str) -> dict[str, str]:
    """What must be equal for instruction counts to be compared: `method` is "counter" or "callgrind"."""
    from importlib.metadata import version
    return {"method": method, "python": f"{platform.python_version()} ({platform.python_compiler()})",
            "compiler": tool(os.environ.get("CC", "gcc"), "--version"), "cython": version("cython"),
            "libc": " ".join(platform.libc_ver()), "processor": processor()}


def measure(tree: Path, names: Sequence[str] = (), method: str = "counter") -> dict[str, float | str]:
    """{operation: instructions, or why there is no figure} of a built tree."""
    if method == "callgrind":
        from bench.gate import callgrind
        with ThreadPoolExecutor(os.cpu_count()) as pool:        # counts don't mind company
            return dict(zip(names, pool.map(lambda name: callgrind.count(tree, name), names), strict=True))
    return json.loads(run_measure(tree, names))


def run_measure(tree: Path, names: Sequence[str], *options: str) -> str:
    """What measure.py says about operations of a tree. RuntimeError: it failed."""
    done = subprocess.run([*prefix(), sys.executable, str(CHECKOUT / "bench/gate/measure.py"), *options, str(tree), *names],
                          env=fixed(), capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        raise RuntimeError(f"measuring {tree} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def prefix() -> list[str]:
    """The command that switches address randomisation off, where there is one."""
    found = shutil.which("setarch")
    usable = found and subprocess.run([found, "-R", "true"], capture_output=True, check=False).returncode == 0
    return [found, "-R"] if found and usable else []


def fixed() -> dict[str, str]:
    """The environment of a measurement: the same for all, no hash randomisation, one memory arena."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LD_LIBRARY_PATH", "PLANTED")}
    return kept | {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "MALLOC_ARENA_MAX": "1"}
