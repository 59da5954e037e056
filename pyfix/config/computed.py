"""Defaults that are found out at run time: the host's name, its networks. Law: postconf(5), mynetworks_style."""

DEFAULT_DOMAIN = "localdomain"


def hostname(domain: str | None) -> str:
    """The host's name; `domain` (or "localdomain") is appended where it has no dot."""
    import socket       # here: most readers of parameters need none of it

    name = socket.gethostname()
    return name if "." in name else f"{name}.{domain or DEFAULT_DOMAIN}"


def domainname(host: str) -> str:
    """What follows the first dot of the host name, which may be nothing."""
    _, dot, domain = host.partition(".")
    return domain if dot else DEFAULT_DOMAIN
