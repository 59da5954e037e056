"""Where the peer's conformance kit is, and how its JSON texts become bytes."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

KIT = Path(os.environ.get("PYFIX_PEER_KIT") or Path(__file__).resolve().parents[2].parent / "shared" / "peer")


def vectors(area: str, name: str) -> dict[str, Any]:
    """The content of function/AREA/NAME.json; skips the caller's module where the kit is absent."""
    file = KIT / "function" / area / f"{name}.json"
    if not file.exists():
        pytest.skip(f"no peer kit at {KIT}", allow_module_level=True)
    return json.loads(file.read_text())


def octets(text: str) -> bytes:
    """UTF-8, with lone surrogates U+DC80..U+DCFF standing for raw bytes."""
    return text.encode("utf-8", "surrogateescape")
