"""Whole notifications, compared with Postfix's own (peer kit, function/bounce)."""

import json
import re
import time

import pytest

from pyfix.bounce import report, template
from pyfix.bounce.reports import date, header_values
from pyfix.commands.records import records
from pyfix.config import Config
from tests.kit.peer import KIT

AREA = KIT / "function" / "bounce" if KIT else None
VECTORS = json.loads((AREA / "index.json").read_text())["vectors"] if AREA and AREA.is_dir() else []


def stanzas(text):
    """The records of a bounce log file: dicts."""
    return [dict(line.split(" = ", 1) for line in block.splitlines() if " = " in line)
            for block in text.split("\n\n") if " = " in block]


@pytest.mark.skipif(not VECTORS, reason="no peer kit")
@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_vector(vector, tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "EST5EDT,M4.1.0,M10.5.0")
    time.tzset()
    (tmp_path / "main.cf").write_text("".join(f"{name} = {value}\n" for name, value in vector["main.cf"].items()))
    config = Config.load(str(tmp_path))
    found = list(records((AREA / vector["queue_file"]).read_bytes()))
    one = {record.type: record.data for record in reversed(found)}
    content = b"".join(record.data + b"\r\n" for record in found if record.type == "N")
    [row] = stanzas((AREA / vector["log_file"]).read_text())
    item = report.Item(row["recipient"].encode(), row["original_recipient"].encode(), b"", "failed", row["status"],
                       row["reason"], f"{row['mta_type']}; {row['mta_mname']}", f"{row['diag_type']}; {row['diag_text']}")
    known = header_values(content)
    about = report.About("msgid", one["S"], b"TEST-ENVID", date(int(one["T"].split()[0]) * 1_000_000),
                         config["myhostname"], config["mail_name"], False, True,
                         threaded=config["enable_threaded_bounces"] == "yes", message_id=known.get(b"message-id", b""))
    chosen = template.load(config, "", pytest.fail)["failure"]
    built = report.build(about, [item], chosen.subject, chosen.sender.encode(), b"test-recipient", chosen.charset, "",
                         "msgid.1234/mail.example", content, "failure")
    got = re.sub(rb"msgid\.\d+/mail\.example", b"msgid.unix-time/mail.example", built).replace(b"\r\n", b"\n")
    assert got == (AREA / vector["ref"]).read_bytes()
