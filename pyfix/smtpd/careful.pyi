"""Stub of `pyfix.smtpd.careful`: a session under more rules than the plain one."""

from pyfix.smtpd.server import Server
from pyfix.smtpd.session import Session

class CarefulSession(Session):
    """A session whose client may not drip (smtpd_per_request_deadline); made by a Doorman where Settings.careful says so."""

    def __init__(self, server: Server) -> None: ...
