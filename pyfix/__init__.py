"""pyfix: a mail transfer agent with Postfix's face and a log-structured queue."""

from pathlib import Path

__version__ = (Path(__file__).parent / "VERSION").read_text().strip()
