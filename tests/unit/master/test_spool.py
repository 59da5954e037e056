"""The tree below queue_directory: made, put right, complained of; links are never followed."""

import os
import stat

import pytest

from pyfix.config import Config
from pyfix.errors import ConfigError
from pyfix.master import spool


@pytest.fixture
def config(tmp_path):
    import pwd
    owner = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    group = "nogroup" if os.geteuid() == 0 else "users"
    (tmp_path / "main.cf").write_text(f"queue_directory = {tmp_path}/spool\ndata_directory = {tmp_path}/data\n"
                                      f"mail_owner = {owner}\nsetgid_group = {group}\n")
    return Config.load(str(tmp_path))


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_the_tree_is_made_and_has_nothing_to_complain_of(config, tmp_path):
    spool.make(config)
    assert spool.complaints(config) == []
    assert (mode(tmp_path / "spool" / "private"), mode(tmp_path / "spool" / "public"), mode(tmp_path / "spool" / "maildrop")) == \
        (0o700, 0o755, 0o730)
    if os.geteuid() == 0:
        assert (tmp_path / "spool").stat().st_uid == 0 and (tmp_path / "spool" / "log").stat().st_uid == spool.owners(config).uid


def test_modes_are_put_right(config, tmp_path):
    spool.make(config)
    (tmp_path / "spool" / "private").chmod(0o777)
    assert spool.complaints(config) == [f"group or other writable: {tmp_path}/spool/private"]
    spool.make(config)
    assert spool.complaints(config) == [] and mode(tmp_path / "spool" / "private") == 0o700


def test_a_missing_directory_is_named(config, tmp_path):
    spool.make(config)
    (tmp_path / "spool" / "log").rmdir()
    assert spool.complaints(config) == [f"missing directory: {tmp_path}/spool/log"]


def test_a_link_in_the_place_of_a_directory_is_refused(config, tmp_path):
    spool.make(config)
    (tmp_path / "spool" / "private").rmdir()
    (tmp_path / "victim").mkdir(0o755)
    (tmp_path / "spool" / "private").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError):
        spool.make(config)
    assert mode(tmp_path / "victim") == 0o755


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("name, value", [("mail_owner", "no-such-user"), ("setgid_group", "no-such-group")])
def test_an_unknown_owner_is_said_with_a_remedy(config, name, value):
    with pytest.raises(ConfigError) as error:
        spool.make(config.override([(name, value)]))
    assert value in str(error.value) and "add -r" in error.value.remedy
