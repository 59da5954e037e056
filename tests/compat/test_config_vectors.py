"""The peer's vectors for expansion, levels, name masks, small value functions, and IDNA."""

import pytest

from pyfix.config import expand, idna, level, units, words
from pyfix.config.expand import Expander
from tests.kit.peer import vectors


def cases(area: str, name: str):
    return [pytest.param(case, id=case["name"]) for case in vectors(area, name)["vectors"]]


def run_expansion(case: dict) -> None:
    warnings: list[str] = []
    orders = {"length": lambda left, right, warn: len(left) - len(right), **expand.ORDERS}
    functions = {"test_named_fn": lambda text, warn: f"-=oO{text}Oo=-"}
    expander = Expander(lambda name, test: case["vars"].get(name), warnings.append, recurse=False, orders=orders,
                        functions=functions)
    expander.run(case["expr"])
    assert ("".join(expander.result), expander.status, warnings) == (case["result"], case["stat"], case["warnings"])


@pytest.mark.parametrize("case", cases("mac_expand", "mac_expand"))
def test_mac_expand(case):
    run_expansion(case)


@pytest.mark.parametrize("case", cases("mac_expand", "compat_level_expand"))
def test_compat_level_expand(case):
    run_expansion(case)


@pytest.mark.parametrize("case", cases("mac_expand", "compat_level_convert"))
def test_compat_level_convert(case):
    number = level.parse_level(case["in"])
    if "warning" in case:
        assert number is None and level.malformed(case["in"]) == case["warning"]
    else:
        assert (hex(number), level.format_level(number)) == (case["level"], case["text"])


@pytest.mark.parametrize("case", cases("name_mask", "name_mask"))
def test_name_mask(case):
    table = vectors("name_mask", "name_mask")["table"]
    warnings: list[str] = []
    flags = set(case["in_flags"])
    tell = warnings.append if flags & {"WARN", "RETURN"} else None
    mask = words.name_mask(table, case["in"], "NUMBER" in flags, "RETURN" in flags, tell)
    out = set(case["out_flags"])
    tell = warnings.append if out & {"WARN", "RETURN"} else None
    separator = "," if "COMMA" in out else "|" if "PIPE" in out else " "
    text = words.mask_names(table, mask or 0, separator, "NUMBER" in out, "RETURN" in out, tell)
    assert (hex(mask or 0), text, warnings) == (case["mask"], case["out"], case["warnings"])


@pytest.mark.parametrize("case", cases("util_misc", "mail_parm_split"))
def test_mail_parm_split(case):
    warnings: list[str] = []
    assert words.mail_parm_split("stdin", case["in"], warnings.append) == case["out"]
    assert warnings == case["warnings"]


@pytest.mark.parametrize("case", cases("util_misc", "mail_conf_time"))
def test_mail_conf_time(case):
    assert units.conf_time(case["in"]) == case["seconds"]


@pytest.mark.parametrize("case", cases("util_misc", "mail_version"))
def test_mail_version(case):
    fields, error = words.mail_version(case["in"])
    expected = {key: value for key, value in case.items() if key not in ("name", "in", "error")}
    assert (fields, error) == (expected, case.get("error", ""))


@pytest.mark.parametrize("case", cases("util_misc", "off_cvt"))
def test_off_cvt(case):
    assert (words.off_cvt(case["in"]) is not None) == case["ok"]


@pytest.mark.parametrize("case", cases("util_misc", "safe_ultostr"))
def test_safe_ultostr(case):
    number = int(case["number"])
    text = words.safe_ultostr(number, case["base"], case["min_digits"], case["pad"])
    assert text == case["out"]
    assert words.safe_strtoul(text, case["base"]) == number


@pytest.mark.parametrize("case", cases("util_misc", "sane_basename"))
def test_sane_basename(case):
    assert (words.sane_dirname(case["in"]), words.sane_basename(case["in"])) == (case["dir"], case["base"])


@pytest.mark.parametrize("case", cases("valid_hostname", "midna_domain"))
def test_midna_domain(case):
    """Texts are compared loosely: the error names are ICU's."""
    warnings: list[str] = []
    utf8 = idna.domain_to_utf8(case["in"], warnings.append)
    ascii_form = idna.domain_to_ascii(case["in"], warnings.append)
    assert (utf8, ascii_form) == (case["utf8"], case["ascii"])
    assert bool(warnings) == bool(case["warnings"])
