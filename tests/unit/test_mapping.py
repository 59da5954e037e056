"""cleanup's address mappings: canonical, masquerade, virtual alias, bcc, headers."""

import asyncio
import time

import pytest

from pyfix.cleanup.mapping import Mapper
from pyfix.config import Config
from pyfix.maps.hash import build
from pyfix.model import NOTIFY_NEVER, NOTIFY_SUCCESS, Recipient
from pyfix.resolve import Resolver, find
from pyfix.resolve.addressmap import MappingTrouble
from pyfix.resolve.generic import Generic

BASE = {"myhostname": "mail.example.com", "mydomain": "example.com", "myorigin": "example.com",
        "mydestination": "example.com", "inet_interfaces": "127.0.0.1", "compatibility_level": "3.6",
        "recipient_delimiter": "+", "virtual_alias_maps": "", "append_dot_mydomain": "yes"}


def mapper(**settings: str) -> Mapper:
    config = Config("", BASE | settings)
    return Mapper(config, Resolver(config, lambda text: None))


def expand(m: Mapper, *given: bytes, sender: bytes = b"") -> list[bytes]:
    return [r.address for r in asyncio.run(m.recipients([Recipient(a) for a in given], sender))]


def test_nothing_configured_is_idle():
    assert mapper().idle
    assert not mapper(always_bcc="x").idle
    assert expand(mapper(), b"a", b"b@c", b"a@example.com") == [b"a@example.com", b"b@c.example.com", b"a@example.com"]


def test_canonical_order_and_classes():
    m = mapper(sender_canonical_maps="inline:{a=b}", canonical_maps="inline:{b=c, x@y.z=w}",
               canonical_classes="envelope_sender")
    assert asyncio.run(m.envelope_sender(b"a")) == b"c@example.com"
    assert expand(m, b"b", b"x@y.z") == [b"b@example.com", b"x@y.z"]


def test_mailer_daemon_sends_as_nobody():
    assert asyncio.run(mapper().envelope_sender(b"MAILER-DAEMON")) == b""


@pytest.mark.parametrize(("table", "given", "want"), [
    ("{a=b}, {b=c}", b"a", [b"c@example.com"]),
    ("{a=a,b}", b"a", [b"a@example.com", b"b@example.com"]),
    ("{a=b}", b"a+x", [b"b+x@example.com"]),
    ("{@v.test=@w.test}", b"u+x@v.test", [b"u+x@w.test"]),
    ('{a="b c"@d.test}', b"a", [b"b c@d.test"]),
    ("{a@b.test=c}", b"A@B.test", [b"c@example.com"]),
    ("{z=y}", b"a", [b"a@example.com"]),
])
def test_virtual_alias(table, given, want):
    assert expand(mapper(virtual_alias_maps=f"inline:{{{table}}}"), given) == want


@pytest.mark.parametrize("settings", [
    {"virtual_alias_maps": "inline:{{a=b}, {b=a}}"},
    {"virtual_alias_maps": "inline:{{a=b,c,d,e}}", "virtual_alias_expansion_limit": "3"},
    {"virtual_alias_maps": "inline:{{a=bbbbbbbbbbbbbbbb}}", "virtual_alias_address_length_limit": "10"},
])
def test_limits_refuse_for_now(settings):
    with pytest.raises(MappingTrouble) as trouble:
        expand(mapper(**settings), b"a")
    assert trouble.value.reply == (451, "4.6.0", "Alias expansion error")


def test_table_that_fails_is_never_not_found():
    with pytest.raises(MappingTrouble) as trouble:
        expand(mapper(virtual_alias_maps="fail:x"), b"a")
    assert trouble.value.reply.code == 451
    with pytest.raises(MappingTrouble):
        asyncio.run(mapper(masquerade_domains="b.c", masquerade_exceptions="fail:x").envelope_sender(b"u@a.b.c"))


def test_bcc_goes_once_and_unnoticed():
    m = mapper(always_bcc="all", sender_bcc_maps="inline:{s@t.test=of-s}", recipient_bcc_maps="inline:{r=of-r}")
    found = asyncio.run(m.recipients([Recipient(b"r", notify=NOTIFY_SUCCESS)], b"s@t.test"))
    assert [(r.address, r.notify) for r in found] == [
        (b"of-s@example.com", NOTIFY_NEVER), (b"r@example.com", NOTIFY_SUCCESS),
        (b"of-r@example.com", NOTIFY_NEVER), (b"all@example.com", NOTIFY_NEVER)]


def test_duplicates_differ_by_what_they_were():
    table = "inline:{{a=z}, {b=z}}"
    assert expand(mapper(virtual_alias_maps=table), b"a", b"b", b"A") == [b"z@example.com"] * 2
    assert expand(mapper(virtual_alias_maps=table, enable_original_recipient="no"), b"a", b"b") == [b"z@example.com"]


def test_expansion_reports_success_itself():
    m, expanded = mapper(virtual_alias_maps="inline:{a=b}"), []
    given = [Recipient(b"a", notify=NOTIFY_SUCCESS), Recipient(b"c", notify=NOTIFY_SUCCESS)]
    found = asyncio.run(m.recipients(given, expanded=expanded))
    assert [r.notify for r in found] == [NOTIFY_NEVER, NOTIFY_SUCCESS]
    assert [r.address for r in expanded] == [b"a@example.com"]


def test_masquerade_and_exceptions():
    m = mapper(masquerade_domains="b.c", masquerade_exceptions="root")
    assert asyncio.run(m.envelope_sender(b"u@a.b.c")) == b"u@b.c"
    assert asyncio.run(m.envelope_sender(b"root@a.b.c")) == b"root@a.b.c"
    assert expand(m, b"u@a.b.c") == [b"u@a.b.c"]


def header(m: Mapper, name: bytes, value: bytes, **how: bool) -> bytes | None:
    return asyncio.run(m.header(name, value, **how))


def test_header_addresses():
    m = mapper(canonical_maps="inline:{a=b}")
    assert header(m, b"To", b" A <a@example.com>, c@d.e\r\n") == b" A <b@example.com>, c@d.e"
    assert header(m, b"To", b" x@d.e,\r\n y@d.e\r\n") is None
    assert header(m, b"Subject", b" a@example.com\r\n") is None
    assert header(m, b"From", b" a\r\n", local=False) is None
    assert header(mapper(remote_header_rewrite_domain="r.invalid"), b"From", b" a\r\n", local=False) == b" a@r.invalid"


def test_header_is_folded_at_seventy_columns():
    names = [b"user%d" % i for i in range(10)]
    value = header(mapper(), b"To", b" " + b", ".join(names) + b"\r\n")
    lines = (b"To:" + value).split(b"\r\n")
    assert len(lines) > 1 and all(len(line) <= 71 for line in lines)
    assert b"".join(lines).replace(b"\t", b" ") == b"To: " + b", ".join(n + b"@example.com" for n in names)


def test_generic():
    config = Config("", BASE | {"smtp_generic_maps": "inline:{u@example.com=out@isp.test, @example.com=all@isp.test}"})
    generic = Generic(config, Resolver(config, lambda text: None))
    assert asyncio.run(generic.address(b"u@example.com")) == b"out@isp.test"
    assert asyncio.run(generic.address(b"v@example.com")) == b"all@isp.test"
    assert asyncio.run(generic.address(b"")) == b""
    assert asyncio.run(generic.header(b"From", b" U <u@example.com>")) == b" U <out@isp.test>"
    assert asyncio.run(generic.header(b"From", b" U <u@d.e>")) is None


@pytest.fixture
def asked(monkeypatch):
    """The names of the parameters whose tables are asked."""
    names = []

    async def record(tables, keys):
        names.append(tables.name)
        return await lookup(tables, keys)
    lookup = find.lookup
    monkeypatch.setattr(find, "lookup", record)
    return names


def test_empty_tables_are_never_asked(asked):
    """A message with no mapping that applies pays nothing for them, whatever stands beside them."""
    for settings, want in (({}, set()), ({"virtual_alias_maps": "inline:{x@y.z=w}"}, {"virtual_alias_maps"}),
                           ({"sender_canonical_maps": "inline:{x=w}"}, {"sender_canonical_maps"})):
        m = mapper(**settings)
        asyncio.run(m.envelope_sender(b"s@c.d"))
        expand(m, b"a@c.d", b"b@c.d", sender=b"s@c.d")
        asyncio.run(m.header(b"To", b" a@c.d\r\n"))
        assert set(asked) == want
        asked.clear()


def test_results_are_kept_until_a_table_changes(asked, tmp_path):
    build(f"{tmp_path}/t.db", [(b"a@c.d", b"one@c.d")])
    m = mapper(virtual_alias_maps=f"hash:{tmp_path}/t")
    assert expand(m, b"a@c.d") == expand(m, b"a@c.d") == [b"one@c.d"]
    first = len(asked)
    expand(m, b"a@c.d", b"a@c.d")
    assert len(asked) == first
    build(f"{tmp_path}/t.db", [(b"a@c.d", b"two@c.d")])
    deadline = time.monotonic() + 10
    while expand(m, b"a@c.d") != [b"two@c.d"] and time.monotonic() < deadline:
        time.sleep(0.1)
    assert expand(m, b"a@c.d") == [b"two@c.d"]
