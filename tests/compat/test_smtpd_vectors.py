"""The peer's vectors for access control (smtpd_check) and for splitting commands (smtpd_token)."""

import asyncio

import pytest

from pyfix import maps
from pyfix._core.command import tokens
from pyfix.access.expansion import unescape
from pyfix.access.policy import Policy
from pyfix.access.subject import Subject
from pyfix.config import Config
from pyfix.config.lines import split_words
from pyfix.dns import resolver as dns
from pyfix.resolve import ALIAS, DEFAULT, LOCAL, RELAY, ROUTED, VIRTUAL, Resolution, Resolver
from tests.kit.peer import KIT, octets, vectors

MAIN_CF = {"compatibility_level": "3.11", "myhostname": "localhost", "mydomain": "localdomain", "mynetworks": "",
           "mydestination": "", "local_recipient_maps": "", "relay_domains": "", "virtual_alias_maps": "",
           "inet_interfaces": "127.0.0.1", "inet_protocols": "ipv4", "smtpd_relay_restrictions": "",
           "smtpd_recipient_restrictions": "", "alias_maps": "", "smtputf8_enable": "no", "helpful_warnings": "no"}
LISTS = ("client", "helo", "sender", "relay", "recipient", "etrn")
FILES = ("smtpd_acl", "smtpd_check4", "smtpd_check_dsn", "smtpd_deprecated", "smtpd_error", "smtpd_addr_valid")


class Checker:
    """The long-lived checker that the vectors talk to: one line in, reply lines and log lines out."""

    def __init__(self):
        self.raw, self.log, self.policy = dict(MAIN_CF), [], None
        self.subject = Subject(info=self.log.append, warning=lambda text: self.log.append(b"warning: " + told(text)))
        self.subject.queue_id = b"<queue id>"
        self.dns, self.told = None, set()

    def setting(self, name, value):
        """A line `name value`."""
        if name.endswith("_restrictions") and name.removesuffix("_restrictions") in LISTS:
            name = "smtpd_" + name
        if name == "restriction_class":
            name, _, value = value.partition(",")
            classes = self.raw.get("smtpd_restriction_classes", "")
            self.raw["smtpd_restriction_classes"] = f"{classes} {name}"
        self.raw[name] = {"0": "no", "1": "yes"}.get(value, value) if name in BOOLEANS else value
        self.policy = None

    def ready(self):
        """The Policy for the settings so far."""
        if self.policy is None:
            raw = {k: local_files(v) for k, v in self.raw.items()}
            config = Config(".", raw)
            self.policy = Policy(config, Resolver(config, self.warn), self.warn, guard=False)
            self.policy.engine.resolve = self.resolve
            self.policy.engine.told = self.told
            if self.dns is not None:
                self.policy.engine.lookups.resolver = self.dns
        return self.policy

    def warn(self, text):
        self.log.append(b"warning: " + told(text))

    async def resolve(self, address, sender=b""):
        """Addresses are not rewritten; the class comes from the lists in their order."""
        domains = self.policy.engine.resolver.domains
        domain = address.rpartition(b"@")[2]
        kind = DEFAULT
        for matched, flag in ((domains.mydestination, LOCAL), (domains.alias, ALIAS), (domains.mailbox, VIRTUAL),
                              (domains.relay, RELAY)):
            if matched and await matched.lookup(domain):
                kind = flag
                break
        routed = ROUTED if any(c in address.rpartition(b"@")[0] for c in b"@!%") else 0
        transport = "error" if kind == ALIAS else "smtp"
        return Resolution(transport, "5.1.1 User unknown in virtual alias table" if kind == ALIAS else "", address, kind | routed)

    def feed(self, line):
        """(reply lines, log lines) of one line."""
        self.log.clear()
        word, _, rest = line.partition(" ")
        rest = rest.strip()
        stage = getattr(self, "on_" + word, None)
        if stage is None:
            self.setting(word, rest.strip("\"'"))
            return None, []
        refusal = asyncio.run(stage(octets(rest)))
        return [refusal.decode() if refusal else "OK"], [x.decode("utf-8", "surrogateescape") for x in self.log]

    async def on_client(self, rest):
        name, address, *code = rest.split()
        self.subject.set_client(name, address, int(code[0]) if code else 2)
        self.subject.where, self.subject.recipient = b"CONNECT", None
        policy = self.ready()
        return None if policy.delay_reject else await policy.client(self.subject)

    async def on_helo(self, rest):
        self.subject.helo, self.subject.where = rest, b"HELO"
        self.subject.recipient = None
        policy = self.ready()
        return None if policy.delay_reject else await policy.helo(self.subject)

    async def on_mail(self, rest):
        self.subject.sender, self.subject.where = path(rest), b"MAIL"
        self.subject.recipient, self.subject.discard = None, False
        policy = self.ready()
        return None if policy.delay_reject else await policy.mail(self.subject)

    async def on_rcpt(self, rest):
        self.subject.recipient, self.subject.where = path(rest), b"RCPT"
        refusal = await self.ready().rcpt(self.subject)
        return refusal


def local_files(text):
    """A setting with the kit's files in their places."""
    text = text.replace("hash:./", f"texthash:{KIT}/function/smtpd_check/")
    text = text.replace("hash:smtpd_check_access", f"texthash:{KIT}/function/smtpd_check_dns/smtpd_check_access")
    return text.replace("regexp:", f"regexp:{KIT}/function/smtpd_check_dns/")


BOOLEANS = {"smtpd_delay_reject", "smtpd_reject_unlisted_recipient", "smtpd_reject_unlisted_sender", "soft_bounce",
            "allow_untrusted_routing", "show_user_unknown_table_name", "strict_rfc821_envelopes"}


def told(text):
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


def path(text):
    return text[1:-1] if text.startswith(b"<") else text


@pytest.mark.parametrize("name", FILES)
def test_smtpd_check(name, monkeypatch, tmp_path):
    checker = Checker()
    wrong = []
    for item in vectors("smtpd_check", name)["stream"]:
        try:
            out, log = checker.feed(item["in"])
        except Exception as error:
            out, log = [repr(error)], []
        log = [x.replace(f"texthash:{KIT}/function/smtpd_check/", "hash:./") for x in log]
        if "out" in item and (out, log) != (item["out"], item["log"]):
            wrong.append((item["line"], item["in"], item["out"], out, item["log"], log))
    assert not wrong, "\n".join(f"{w[0]}: {w[1]}\n  want {w[2]}\n  got  {w[3]}\n  want {w[4]}\n  got  {w[5]}" for w in wrong)


def test_unescape():
    for vector in vectors("quote_822_local", "unescape")["vectors"]:
        assert unescape(vector["in"]).encode("latin-1") == octets(vector["out"])


def test_smtpd_token():
    for vector in vectors("smtpd_token", "smtpd_token")["vectors"]:
        assert [[kind, text.decode()] for kind, text in tokens(octets(vector["in"]))] == vector["tokens"], vector["in"]


# -- what the author's zone held, as far as the references tell; wzv is the host that asks

ZONE = {
    "nullmx.porcupine.org": {"A": ["168.100.3.2"], "MX": None},
    "spike.porcupine.org": {"A": ["168.100.3.2"]}, "fist.porcupine.org": {"A": ["168.100.3.4"]},
    "xn--1xa.porcupine.org": {"MX": [(10, "spike.porcupine.org")]},
    "2.0.0.127.dnsbltest.porcupine.org": {"A": ["127.0.0.2"], "TXT": [b"DNS blocklist test"]},
    "3.0.0.127.dnsbltest.porcupine.org": {"A": ["127.0.0.3"], "TXT": [b"DNS blocklist test"]},
    "example.tld.rhsbl.porcupine.org": {"A": ["127.0.0.2"], "TXT": [b"RHSBL test"]},
    "www.porcupine.org": {"A": ["168.100.3.75"], "MX": [(10, "spike.porcupine.org")]},
    "porcupine.org": {"NS": ["ns.porcupine.org"], "MX": [(10, "spike.porcupine.org")]},
    "ns.porcupine.org": {"A": ["168.100.3.75"]}, "maildaemon.org": {"NS": ["ns.porcupine.org"]},
    "postfix.org": {"MX": [(10, "fist.porcupine.org")]},
    "backup.porcupine.org": {"MX": [(10, "fist.porcupine.org"), (20, "wzv.porcupine.org")]},
    "wzv.porcupine.org": {"A": ["127.0.0.1"]},
}


class Zone:
    """In the resolver's place."""

    async def lookup(self, name, kind):
        rows = ZONE.get(name.lower(), {})
        if kind not in rows:
            why = "Host found but no data record of requested type" if rows else "Host not found"
            return dns.Answer(dns.NOT_FOUND, [], 60, name, dns.not_found(name, kind, why))
        if rows[kind] is None:
            return dns.Answer(dns.NULL_MX, [], 60, name, "")
        return dns.Answer(dns.OK, rows[kind], 60, name)


def settled(line):
    """Without what differs from system to system."""
    line = line.replace("hostname nor servname provided, or not known", "Name or service not known")
    return line.replace(" 60 IN ", " TTL IN ")


DNS_FILES = ("smtpd_check_backup", "smtpd_dns_filter", "smtpd_dnswl", "smtpd_exp", "smtpd_nullmx", "smtpd_server")


@pytest.mark.parametrize("name", DNS_FILES)
def test_smtpd_check_dns(name):
    checker = Checker()
    checker.dns, wrong = Zone(), []
    for item in vectors("smtpd_check_dns", name)["stream"]:
        out, log = checker.feed(item["in"])
        want = [settled(line) for line in item.get("log", [])]
        if "out" in item and (out, [settled(line) for line in log]) != (item["out"], want):
            wrong.append((item["line"], item["in"], item["out"], out, want, log))
    assert not wrong, "\n".join(f"{w[0]}: {w[1]}\n  want {w[2]}\n  got  {w[3]}\n  want {w[4]}\n  got  {w[5]}" for w in wrong)
