"""TLS for the load tools: contexts, a certificate made on the fly, and what is counted (RFC 3207, ssl(3)).

The law: OpenSSL's defaults of the machine decide which versions and ciphers there are. The source looks at no certificate
unless told whom to believe: it measures servers in laboratories. Handshakes are counted and timed apart from everything else.
"""

from __future__ import annotations

import ssl
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from pyfix.load.channel import Channel
from pyfix.load.histogram import Histogram
from pyfix.load.tool import UsageError, added, summed

DAYS = "30"     # that a made certificate is good for


class Counts:
    """The handshakes of one process, times in microseconds; all that the receiver's side needs."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        self.reset()

    def reset(self) -> None:
        """Forgets all counts."""
        self.handshake, self.resumed, self.failed = Histogram(), 0, 0
        self.ciphers: dict[str, int] = {}

    def count(self, microseconds: int, channel: Channel) -> None:
        """A handshake has ended well."""
        self.handshake.record(microseconds)
        self.resumed += channel.resumed
        self.ciphers[channel.cipher] = self.ciphers.get(channel.cipher, 0) + 1

    def packed(self) -> dict[str, Any]:
        """All of it, for merged()."""
        return {"handshake": self.handshake.pack(), "counts": {"resumed": self.resumed, "failed": self.failed}, "ciphers": self.ciphers}


class Client(Counts):
    """The source's side. `session` is the last one a server gave, where sessions are to be resumed."""

    def __init__(self, context: ssl.SSLContext, name: str | None, resume: bool) -> None:
        super().__init__(context)
        self.name, self.resume, self.session = name, resume, None

    def keep(self, channel: Channel) -> None:
        """A connection ends: its session is for the next one."""
        if self.resume:
            self.session = channel.session or self.session


def merged(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures of all processes together, times in milliseconds."""
    handshake = summed([one["handshake"] for one in parts])
    return {"handshakes": handshake.count, **added(parts, "counts"), "handshake_ms": handshake.summary(), "ciphers": added(parts, "ciphers")}


def client(host: str, believe: str, resume: bool) -> Client:
    """What the source needs. believe: "" for no check of certificates, "system", or a file of authorities. UsageError: a bad file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not believe:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    elif believe == "system":
        context.load_default_certs()
    else:
        try:
            context.load_verify_locations(believe)
        except OSError as error:
            raise UsageError(f"--tls-verify {believe}: {reason(error)}") from None
    return Client(context, host or None, resume)


def server(certificate: str, key: str) -> Counts:
    """What the receiver needs. Without a certificate one is made. UsageError: files that can't be used."""
    if not certificate:
        with tempfile.TemporaryDirectory() as folder:
            return server(*made(Path(folder)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key or None, password=b"")
    except (OSError, ValueError) as error:
        raise UsageError(f"--cert {certificate}: {reason(error)}") from None
    return Counts(context)


def reason(error: Exception) -> str:
    """Why a file was of no use."""
    if isinstance(error, ssl.SSLError):
        return "not a PEM file of what is needed" if error.reason is None else error.reason.lower().replace("_", " ")
    return getattr(error, "strerror", None) or str(error)


def made(folder: Path) -> tuple[str, str]:
    """(certificate, key) files in `folder`: self-signed, for sink.load.test and loopback."""
    certificate, key = str(folder / "cert.pem"), str(folder / "key.pem")
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", DAYS,
             "-subj", "/CN=sink.load.test", "-addext", "subjectAltName=DNS:sink.load.test,DNS:localhost,IP:127.0.0.1,IP:::1",
             "-keyout", key, "-out", certificate]
    try:
        subprocess.run(words, check=True, capture_output=True, timeout=60)
    except OSError:
        raise UsageError("--tls: no program openssl to make a certificate with; name one with --cert") from None
    except subprocess.SubprocessError as error:
        raise UsageError(f"--tls: openssl could not make a certificate: {error}") from None
    return certificate, key
