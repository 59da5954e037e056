"""Config.load: where values come from, their types, the errors."""

import pytest

from pyfix.config import Config
from pyfix.errors import ConfigError


@pytest.fixture
def conf(tmp_path):
    def make(text: str = "", overrides=(), **more) -> Config:
        (tmp_path / "main.cf").write_text(text)
        return Config.load(str(tmp_path), overrides, **more)
    return make


def test_typed_values(conf):
    config = conf("biff = YES\nmaximal_queue_lifetime = 3\ndelay_warning_time = 4h\nmessage_size_limit = 99999999999\n")
    assert config.biff is True
    assert config.maximal_queue_lifetime == 3 * 86400     # a bare number has the default's unit
    assert config.delay_warning_time == 4 * 3600
    assert config.message_size_limit == 99999999999
    assert config.myorigin == config.myhostname


def test_overrides_come_first_and_do_not_leak(conf):
    config = conf("always_bcc = $who\nwho = main\n", [("who", "service")])
    assert config.always_bcc == "service"
    assert config.override([("who", "other")]).always_bcc == "other"
    assert config.always_bcc == "service"


def test_generation_grows(conf):
    first = conf()
    assert conf().generation > first.generation


def test_immutable(conf):
    with pytest.raises(AttributeError):
        conf().biff = True


def test_unknown_name(conf):
    config = conf("own_class = permit\n")
    assert config.own_class == config["own_class"] == "permit"
    with pytest.raises(AttributeError):
        config.nobody_defined_this
    with pytest.raises(KeyError):
        config["nobody_defined_this"]


def test_transport_family(conf):
    config = conf("default_destination_concurrency_limit = 7\nslow_destination_concurrency_limit = 2\n")
    assert config.transport("slow", "destination_concurrency_limit") == 2
    assert config.transport("fast_one", "destination_concurrency_limit") == 7
    assert config.transport("fast", "destination_rate_delay") == 0


def test_error_names_file_and_line(conf, tmp_path):
    config = conf("# comment\n\nbiff = perhaps\n")
    with pytest.raises(ConfigError) as caught:
        config.biff
    assert (caught.value.file, caught.value.line) == (f"{tmp_path}/main.cf", 3)
    assert caught.value.text == "bad boolean configuration: biff = perhaps"


def test_loop_is_an_error(conf):
    with pytest.raises(ConfigError, match="unreasonable macro call nesting"):
        conf("always_bcc = $foo\nfoo = $bar\nbar = $foo\n").always_bcc


def test_every_default_is_valid(conf):
    config = conf("compatibility_level = 3.11\n")
    without_default = {"virtual_mailbox_base"}          # empty is refused: virtual(8) needs it set
    for name in set(config) - without_default:
        config.typed(name)


def test_names_that_need_each_other(conf):
    config = conf("myhostname = mail.$mydomain\n")
    assert config["myhostname"] == "mail." and config["mydomain"] == ""
    with pytest.raises(ConfigError, match="bad string length 0 < 1: mydomain = "):
        config.mydomain
    config = conf("mydomain = example.com\nmyhostname = mail.$mydomain\n")
    assert (config.myhostname, config.mydomain) == ("mail.example.com", "example.com")
    with pytest.raises(ConfigError, match="bad mynetworks_style value"):
        conf("mynetworks_style = $mynetworks\n").mynetworks


def test_duplicate_setting_is_a_warning(conf, tmp_path):
    config = conf("biff = no\nbiff = no\nbiff = yes\n")
    assert config.biff and config.warnings == [f"{tmp_path}/main.cf, line 3: overriding earlier entry: biff=no"]
