"""The pages made from the table are current, and the table says what it must."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pyfix.config import Config, document
from pyfix.config.sources import read_here, scan
from pyfix.config.table import details, parameters

ROOT = Path(__file__).resolve().parents[3]


def test_pages_are_current():
    assert (ROOT / "docs" / "parameters.md").read_text() == document.markdown(), "run python -m pyfix.config.document ."
    assert (ROOT / "docs" / "man" / "postconf.5").read_text() == document.manual()


@pytest.mark.skipif(shutil.which("man") is None, reason="no man(1)")
@pytest.mark.parametrize("page", sorted(path.name for path in (ROOT / "docs" / "man").iterdir()))
def test_man_renders_the_pages(page):
    shown = subprocess.run(["man", "--warnings", "-l", ROOT / "docs" / "man" / page], capture_output=True, text=True, timeout=60,
                           env={**os.environ, "MANWIDTH": "100", "LC_ALL": "C.UTF-8"})
    assert shown.returncode == 0 and not shown.stderr
    assert page.partition(".")[0] in shown.stdout and "NAME" in shown.stdout


def test_every_row_is_complete():
    rows, more = parameters(), details()
    assert len(rows) > 900 and list(rows) == sorted(rows)
    for name, row in rows.items():
        assert row.type in ("str", "raw", "int", "long", "bool", "time", "legacy", "obsolete", "family"), name
        assert more[name].status in document.STATUS_WORDS and more[name].text, name
        assert (more[name].status == "used") == (not more[name].note), name


def test_the_table_says_what_the_sources_do():
    wrong = scan(ROOT)
    assert not wrong, "correct the status (used, partly, ignored) and the note in pyfix/config/data/parameters.tsv, then run " \
        "python -m pyfix.config.document . :\n" + "\n".join(wrong)


def tree(root, **files):
    for name, text in {"__init__": "", **files}.items():
        path = root / "pyfix" / "stage" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return read_here(root)


def test_what_counts_as_reading(tmp_path):
    read = tree(tmp_path, a="from pyfix.stage import b\n'biff'\n# header_checks\nx = 'in body_checks: no such table'\n",
                b='"""soft_bounce"""\nfrom pyfix.stage.a import x\ny = [config[f"smtpd_{z}_restrictions"] for z in ("helo", "etrn")]\n'
                  'w = config.queue_minfree + config.transport(n, "recipient_limit")\n',
                dead="config.myorigin")
    assert {"smtpd_helo_restrictions", "smtpd_etrn_restrictions", "queue_minfree", "default_recipient_limit"} <= read
    assert not read & {"biff", "header_checks", "body_checks", "soft_bounce", "smtpd_data_restrictions", "myorigin"}


def test_a_default_reads_what_it_refers_to(tmp_path):
    assert {"smtp_helo_name", "myhostname"} <= tree(tmp_path, a="config.smtp_helo_name\n", b="import pyfix.stage.a\n")


def test_ignored_parameter_is_told(tmp_path):
    (tmp_path / "main.cf").write_text("soft_bounce = no\nhash_queue_depth = 2\n")
    notices = Config.load(str(tmp_path)).notices()
    assert len(notices) == 1
    assert notices[0].startswith(f"{tmp_path}/main.cf, line 2: parameter hash_queue_depth has no effect: ")
