"""The load source's sessions with STARTTLS; see ext/pyfix/load/sending_tls.pyx."""

from pyfix.load.sending import Source

class SecureSource(Source):
    """A load in which each connection is secured first; the plan has `tls`, a tls.Client."""
