"""postconf -a, -A, -l, -m, -T: what this installation can do. Law: postconf(1)."""

from pyfix.commands.postconf_report import put, warn
from pyfix.maps.registry import known_types

LOCK_METHODS = ("flock", "fcntl", "dotlock")
SERVER_SASL = ("cyrus", "dovecot")
CLIENT_SASL = ("cyrus",)
PUBLIC_KEY_ALGORITHMS = ("dsa", "ecdsa", "rsa")


def show_list(letter: str) -> None:
    """Print the list that an option asks for, a name a line."""
    names = {"a": lambda: SERVER_SASL, "A": lambda: CLIENT_SASL, "l": lambda: LOCK_METHODS, "m": known_types}[letter]()
    put("".join(name + "\n" for name in names))


def show_tls(what: str) -> None:
    """-T: facts about the TLS library."""
    if what == "public-key-algorithms":
        put("".join(name + "\n" for name in PUBLIC_KEY_ALGORITHMS))
    elif what in ("compile-version", "run-version"):
        import ssl

        put(ssl.OPENSSL_VERSION + "\n")
    else:
        warn(f"unknown 'postconf -T' mode: {what}")
        raise SystemExit(1)
