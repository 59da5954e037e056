"""One connection to a directory server for ldap: tables: parameters, options, TLS, bind, search (ldap_table(5)).

Everything here blocks and runs in a table's threads.
"""

from __future__ import annotations

import threading
from typing import Any

from ..errors import TableConfigError, TableError
from . import report
from .braces import tokens
from .cfgfile import Settings

_BIND = {"yes": "simple", "simple": "simple", "no": "none", "none": "none", "sasl": "sasl"}


class Gone(Exception):
    """The server closed the connection."""


class Parameters:
    """How to reach and search the servers of one table."""

    def __init__(self, settings: Settings, expansion_limit: int) -> None:
        text, number = settings.text, settings.number
        self.where, self.title = settings.where, settings.title
        self.uri = " ".join(_uri(word, number("server_port", 389, 1, 65535))
                            for word in tokens(text("server_host") or "localhost"))
        self.timeout = number("timeout", 10, 1)
        self.bind = _BIND.get((text("bind") or "yes").lower(), "")
        if not self.bind:
            raise TableConfigError(self.title, f"{self.where}: unsupported parameter value: bind = {text('bind')}")
        self.bind_dn, self.bind_pw = text("bind_dn"), text("bind_pw")
        self.mechs, self.realm, self.authz = text("sasl_mechs"), text("sasl_realm"), text("sasl_authz_id")
        self.minssf = number("sasl_minssf", 0)
        self.size_limit = number("size_limit", expansion_limit)
        self.dereference = number("dereference", 0)
        if self.dereference > 3:
            report.warning(f"dict_ldap_open: {self.where} Unrecognized value {self.dereference} specified for dereference; using 0")
            self.dereference = 0
        self.referrals = bool(number("chase_referrals", 0))
        self.debug = number("debuglevel", 0)
        self.version = number("version", 2)
        self._tls(settings)

    def _tls(self, settings: Settings) -> None:
        self.start_tls = settings.boolean("start_tls", False)
        if self.version not in (2, 3):
            report.warning(f"dict_ldap_open: {self.where} Unknown version {self.version}, using 3.")
            self.version = 3
        if "ldaps:" in self.uri and self.version < 3:
            report.warning("dict_ldap_open: URL scheme ldaps requires protocol version 3")
            self.version = 3
        if self.start_tls and self.version < 3:
            report.warning(f"dict_ldap_open: {self.where} start_tls requires protocol version 3")
            self.version = 3
        self.secure = self.start_tls or "ldaps:" in self.uri
        self.require = settings.boolean("tls_require_cert", False)
        self.tls = {option: settings.text(name) for name, option in (
            ("tls_random_file", "OPT_X_TLS_RANDOM_FILE"), ("tls_ca_cert_file", "OPT_X_TLS_CACERTFILE"),
            ("tls_ca_cert_dir", "OPT_X_TLS_CACERTDIR"), ("tls_cert", "OPT_X_TLS_CERTFILE"),
            ("tls_key", "OPT_X_TLS_KEYFILE"), ("tls_cipher_suite", "OPT_X_TLS_CIPHER_SUITE")) if settings.text(name)}


def _uri(word: str, port: int) -> str:
    """A server_host entry as a URL."""
    if "://" in word:
        return word
    return f"ldap://{word}" if ":" in word else f"ldap://{word}:{port}"


class Directory:
    """A connection that is bound."""

    def __init__(self, driver: Any, parameters: Parameters, title: str) -> None:
        self.driver, self.parameters, self.title = driver, parameters, title
        self.lock = threading.Lock()
        self.handle: Any = None
        self.step = ""

    @classmethod
    def open(cls, driver: Any, parameters: Parameters, title: str) -> Directory:
        """Connect, start TLS, bind. TableError."""
        made = cls(driver, parameters, title)
        try:
            made._open()
        except driver.LDAPError as error:
            code, text = describe(error)
            report.warning(f"dict_ldap_connect: {made.step}: {code} ({text})")
            raise TableError(title, text) from error
        return made

    def _open(self) -> None:
        ldap, p = self.driver, self.parameters
        self.step = f"Unable to init LDAP server {p.uri}"
        self.handle = ldap.initialize(p.uri, trace_level=0)
        options = [("OPT_PROTOCOL_VERSION", p.version), ("OPT_NETWORK_TIMEOUT", float(p.timeout)),
                   ("OPT_TIMEOUT", float(p.timeout)), ("OPT_SIZELIMIT", p.size_limit),
                   ("OPT_DEREF", p.dereference), ("OPT_REFERRALS", int(p.referrals))]
        for name, value in options:
            self.handle.set_option(getattr(ldap, name), value)
        if p.debug:
            ldap.set_option(ldap.OPT_DEBUG_LEVEL, p.debug)
        if p.secure:
            self._secure()
        if p.start_tls:
            self.step = "Unable to set STARTTLS"
            self.handle.start_tls_s()
        self.step = f"Unable to bind to server {p.uri} with dn {p.bind_dn or 'empty or implicit'}"
        self._bind()

    def _secure(self) -> None:
        ldap, p = self.driver, self.parameters
        for name, value in p.tls.items():
            self.handle.set_option(getattr(ldap, name), value)
        self.handle.set_option(ldap.OPT_X_TLS_REQUIRE_CERT,
                               ldap.OPT_X_TLS_DEMAND if p.require else ldap.OPT_X_TLS_NEVER)
        self.handle.set_option(ldap.OPT_X_TLS_NEWCTX, 0)

    def _bind(self) -> None:
        p = self.parameters
        if p.bind == "simple":
            self.handle.simple_bind_s(p.bind_dn, p.bind_pw)
        elif p.bind == "sasl":
            from ldap import sasl

            self.handle.set_option(self.driver.OPT_X_SASL_SSF_MIN, p.minssf)
            answers = {sasl.CB_USER: p.authz, sasl.CB_AUTHNAME: p.bind_dn, sasl.CB_PASS: p.bind_pw,
                       sasl.CB_GETREALM: p.realm}
            self.handle.sasl_interactive_bind_s(p.bind_dn, sasl.sasl(answers, p.mechs))

    def search(self, base: str, scope: int, filter: str, attributes: list[str]) -> list[tuple[str, dict[str, list[bytes]]]]:
        """(name, attributes) of the entries. Gone, TableError."""
        ldap, p = self.driver, self.parameters
        try:
            with self.lock:
                found = self.handle.search_ext_s(base, scope, filter, attributes or None, timeout=p.timeout,
                                                 sizelimit=p.size_limit)
        except ldap.NO_SUCH_OBJECT as error:
            code, text = describe(error)
            report.warning(f"dict_ldap_lookup: {self.parameters.where}: Search base '{base}' not found: {code}: {text}")
            return []
        except ldap.SERVER_DOWN as error:
            raise Gone(describe(error)[1]) from error
        except ldap.SIZELIMIT_EXCEEDED as error:
            raise self._failed(f"dict_ldap_get_values[1]: {self.parameters.where}: Query size limit ({p.size_limit}) exceeded") from error
        except ldap.LDAPError as error:
            code, text = describe(error)
            raise self._failed(f"dict_ldap_lookup: Search error {code}: {text} ") from error
        return [(name, values) for name, values in found if name is not None]

    def _failed(self, text: str) -> TableError:
        report.warning(text)
        return TableError(self.title, text)

    def close(self) -> None:
        """Waits for a search that is on its way."""
        with self.lock:
            try:
                self.handle.unbind_s()
            except self.driver.LDAPError as error:
                report.info(f"closing {self.parameters.uri}: {describe(error)[1]}")


def describe(error: Any) -> tuple[int, str]:
    """(code, description) of a driver's error."""
    detail = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    return detail.get("result", -1), str(detail.get("desc", error))
