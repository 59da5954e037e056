"""The other mail servers, fetched into a scratch folder: Debian's packages unpacked, npm's Haraka, PyPI's aiosmtpd.

The law: nothing is installed; everything lies below one folder (`.peers` in the checkout) and is gone when that is removed.
What can't be fetched or started is reported with the reason that the failing command gave. npm's and PyPI's packages are
pinned here, Debian's are what the machine's release has; all versions stand in the report.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

PEERS = Path(__file__).resolve().parents[2] / ".peers"
HARAKA, AIOSMTPD = "3.3.4", "1.4.6"
UNPACKED = "unpacked"       # Debian's packages in a folder that is complete: name_version_architecture, a line each


class Unavailable(Exception):
    """A peer that can't run here; the text says why."""


def run(command: list[str], folder: Path, what: str) -> str:
    """Output of a command; Unavailable with its last words if it fails."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{what}: {error}") from None
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise Unavailable(f"{what}: {words[-1] if words else f'exit status {done.returncode}'}")
    return done.stdout


def debian(name: str, packages: list[str]) -> Path:
    """Root of the unpacked packages and of those libraries they need and this machine lacks."""
    root = PEERS / name
    if (root / UNPACKED).exists():
        return root
    root.mkdir(parents=True, exist_ok=True)
    names = unpack(root, packages)
    for _ in range(5):
        lacking = missing_libraries(root)
        if not lacking:
            break
        names += unpack(root, [owner(library) for library in lacking])
    (root / UNPACKED).write_text("\n".join(names))
    return root


def unpack(root: Path, packages: list[str]) -> list[str]:
    """Downloads and unpacks: their names with version and architecture."""
    names = []
    run(["apt-get", "download", "-q", *packages], root, "apt-get download")
    for file in sorted(root.glob("*.deb")):
        run(["dpkg", "-x", str(file), "."], root, "dpkg -x")
        names.append(unquote(file.stem))
        file.unlink()
    return names


def debian_version(root: Path, package: str) -> str:
    """Version of an unpacked package, "" if it is not among them."""
    rows = [line.split("_") for line in (root / UNPACKED).read_text().splitlines()]
    return next((row[1] for row in rows if row[0] == package), "")


def missing_libraries(root: Path) -> list[str]:
    """Names of shared libraries that the programs below `root` need and do not find."""
    found = set()
    for folder in ("usr/sbin", "usr/libexec"):
        for program in (root / folder).rglob("*") if (root / folder).is_dir() else []:
            if program.is_file() and program.read_bytes()[:4] == b"\x7fELF":
                text = subprocess.run(["ldd", str(program)], capture_output=True, text=True, env=library_path(root), check=False).stdout
                found |= {line.split()[0] for line in text.splitlines() if "not found" in line}
    return sorted(found)


def library_path(root: Path) -> dict[str, str]:
    """The environment in which programs of `root` find their libraries."""
    folders = sorted({str(path.parent) for path in root.rglob("*.so*")})
    return dict(os.environ, LD_LIBRARY_PATH=":".join(folders))


def owner(library: str) -> str:
    """The Debian package of a library, by the naming rule of Debian's policy (8.1): libidn.so.12 is in libidn12."""
    name, _, version = library.partition(".so.")
    name = name.lower().replace("_", "-")
    return f"{name}-{version}" if name[-1:].isdigit() else f"{name}{version}"


def npm(package: str, version: str) -> Path:
    """Folder with node_modules of an npm package."""
    root = PEERS / f"{package.lower()}-{version}"
    if not (root / "node_modules" / package / "package.json").exists():
        root.mkdir(parents=True, exist_ok=True)
        run(["npm", "install", "--prefix", ".", "--no-audit", "--no-fund", "--omit=dev", f"{package}@{version}"], root, "npm install")
    return root


def pypi(package: str, version: str) -> Path:
    """Folder for PYTHONPATH with a PyPI package."""
    root = PEERS / f"{package}-{version}"
    if not (root / package).is_dir():
        root.mkdir(parents=True, exist_ok=True)
        run([sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", ".", f"{package}=={version}"],
            root, "pip install")
    return root


def preload() -> Path:
    """preload.c as a library."""
    library = PEERS / "preload.so"
    if not library.exists() or library.stat().st_mtime < Path(__file__).with_name("preload.c").stat().st_mtime:
        PEERS.mkdir(exist_ok=True)
        source = Path(__file__).with_name("preload.c")
        run([os.environ.get("CC", "gcc"), "-O1", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], PEERS, "gcc")
    return library


def root_only(what: str) -> None:
    """Unavailable unless we are root."""
    if os.geteuid():
        raise Unavailable(f"{what} changes its user and needs root")
