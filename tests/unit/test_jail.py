"""pyfix.jail: what is remembered on the way in, and what keeps a process out."""

import os

import pytest

from pyfix import jail
from pyfix.errors import TableError
from pyfix.maps import unix, watch
from pyfix.maps.registry import open_spec


@pytest.fixture
def way_in(monkeypatch):
    """Between begin() and enter()."""
    monkeypatch.setattr(jail, "preparing", True)
    monkeypatch.setattr(jail, "seen", {})
    monkeypatch.setattr(jail, "ports", {})
    return jail


def test_files_are_noted_on_the_way_in_only(tmp_path, monkeypatch):
    monkeypatch.setattr(jail, "seen", {})
    jail.note(str(tmp_path / "x"))
    assert jail.seen == {}
    monkeypatch.setattr(jail, "preparing", True)
    jail.note("relative")
    jail.note(str(tmp_path / "x"))
    assert jail.seen == {str(tmp_path / "x"): []}


def test_a_table_is_noted_by_the_names_of_its_files(way_in, tmp_path):
    for spec in (f"texthash:{tmp_path}/t", f"hash:{tmp_path}/h", "inline:{a=b}", f"lmdb:{tmp_path}/l"):
        try:
            open_spec(spec, None, 0)
        except (TableError, ImportError):
            continue
    assert set(way_in.seen) == {f"{tmp_path}/t", f"{tmp_path}/h.db", f"{tmp_path}/l.lmdb"}


def test_the_stamp_is_that_before_the_file_was_read(way_in, tmp_path):
    path = tmp_path / "t"
    path.write_text("a b\n")
    before = jail.stamp(str(path))
    jail.note(str(path))
    path.write_text("a longer text\n")
    jail.note(str(path))
    assert way_in.seen == {str(path): before} and jail.stamp(str(path)) != before


def test_a_directory_outside_is_a_way_out(tmp_path):
    (tmp_path / "in/side").mkdir(parents=True)
    (tmp_path / "in-not").mkdir()
    fds = [os.open(tmp_path / name, os.O_RDONLY) for name in ("in", "in/side", "in-not", "")]
    try:
        found = dict(jail.ways_out(str(tmp_path / "in")))
        assert [fd in found for fd in fds] == [False, False, True, True]
        assert found[fds[2]] == str(tmp_path / "in-not")
    finally:
        for fd in fds:
            os.close(fd)


@pytest.mark.parametrize("line, ports", [
    ("smtp 25/tcp mail", {"smtp": 25, "mail": 25}), ("smtp 25/udp", {}), ("x", {}), ("", {}), ("x \u0663/tcp", {}), ("x y/tcp", {})])
def test_services(way_in, line, ports):
    way_in.read_service(line.split())
    assert way_in.ports == ports
    assert way_in.port("smtp") == ports.get("smtp", 0)


def test_in_a_jail_no_table_is_looked_for_again(monkeypatch, tmp_path):
    path = tmp_path / "t"
    path.write_text("1")
    seen = watch.Watch(str(path))
    seen._next = 0
    path.write_text("22")
    monkeypatch.setattr(jail, "entered", True)
    assert not seen.changed()
    monkeypatch.setattr(jail, "entered", False)
    assert seen.changed()


def test_users_are_kept_and_one_that_could_not_be_listed_is_no_stranger(way_in, monkeypatch):
    monkeypatch.setattr(unix, "all_listed", lambda name: True)
    table = open_spec("unix:passwd.byname", None, 0)
    assert "/etc/passwd" in way_in.seen
    monkeypatch.setattr(unix.pwd, "getpwnam", lambda name: pytest.fail("the system can't be asked in a jail"))
    assert table.get(b"root").startswith(b"root:") and table.get(b"no-such-user") is None
    monkeypatch.setattr(unix, "all_listed", lambda name: False)
    table = open_spec("unix:passwd.byname", None, 0)
    with pytest.raises(TableError, match="write n in the chroot column"):
        table.get(b"no-such-user")
    assert open_spec("unix:group.byname", None, 0).get(b"root").startswith(b"root:")


@pytest.mark.parametrize("text, complete", [
    ("passwd: files\n", True), ("passwd: files systemd\ngroup: files sss\n", True), ("passwd: files sss\n", False),
    ("passwd: compat [NOTFOUND=return]\n", True), ("passwd: ldap\n", False), ("", True)])
def test_are_all_users_in_files(tmp_path, text, complete):
    (tmp_path / "nsswitch.conf").write_text(text)
    assert unix.all_listed("passwd.byname", str(tmp_path / "nsswitch.conf")) is complete


def test_places(monkeypatch):
    assert (jail.room("/var/lib/x"), jail.base("/var/spool/x")) == ("/var/lib/x", "/var/spool/x")
    monkeypatch.setattr(jail, "entered", True)
    assert (jail.room("/var/lib/x"), jail.base("/var/spool/x")) == ("private", ".")
