"""The load receiver's sessions with STARTTLS; see ext/pyfix/load/receiving_tls.pyx."""

from typing import Any

from pyfix._core.limits import Limits
from pyfix.load.receiving import Receiver
from pyfix.load.tls import Counts
from pyfix.net.engine import Engine

FEATURE: int

class SecureReceiver(Receiver):
    """A Receiver that takes STARTTLS; the last two hold after the handshake."""

    tls: Counts
    secure_limits: Limits
    secure_ehlo: bytes
    def __init__(self, engine: Engine, limits: Limits, greeting: bytes, ehlo: bytes, script: Any, tls: Counts,
                 secure_limits: Limits, secure_ehlo: bytes) -> None: ...
