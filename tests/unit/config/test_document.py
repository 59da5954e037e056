"""The pages made from the table are current, and the table says what it must."""

from pathlib import Path

from pyfix.config import Config, document
from pyfix.config.table import details, parameters

ROOT = Path(__file__).resolve().parents[3]


def test_pages_are_current():
    assert (ROOT / "docs" / "parameters.md").read_text() == document.markdown(), "run python -m pyfix.config.document ."
    assert (ROOT / "docs" / "man" / "postconf.5").read_text() == document.manual()


def test_every_row_is_complete():
    rows, more = parameters(), details()
    assert len(rows) > 900 and list(rows) == sorted(rows)
    for name, row in rows.items():
        assert row.type in ("str", "raw", "int", "long", "bool", "time", "legacy", "obsolete", "family"), name
        assert more[name].status in document.STATUS_WORDS and more[name].text, name
        assert (more[name].status == "used") == (not more[name].note), name


def test_ignored_parameter_is_told(tmp_path):
    (tmp_path / "main.cf").write_text("biff = no\nhash_queue_depth = 2\n")
    notices = Config.load(str(tmp_path)).notices()
    assert len(notices) == 1
    assert notices[0].startswith(f"{tmp_path}/main.cf, line 2: parameter hash_queue_depth has no effect: ")
