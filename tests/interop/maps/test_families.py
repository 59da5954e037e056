"""Cases of the same kinds as the peer kit's, made by hand: the installed Postfix and pyfix are asked the same, and answer alike.

Postfix sleeps a second at each fatal error, so the cases of a family are asked at once.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.interop.maps.test_postmap_differential import both, folder, write

__all__ = ["folder"]
pytestmark = pytest.mark.interop

INLINE = ["{a=b}", "{ a=b }", "{a=b, c=d}", "{{a=b}{c=d}}", "{ {a = b c} }", "{a=}", "{=b}", "{a}", "{}", "{ }", "{", "a=b", "{a=b}x", "{{a={b c}}}",
          "{{a b=c}}", '{{"a b" = c}}', '{{"a"b=c}}', '{a="c d"}', "{{a=b}", "{{a==b}}", '{ {"a=b" = c} }', "{{}}", "{{ }}", "{a=b,}", '{{"a=b}}', "{A=b}"]
COMPOSED = ["static:", "static:{x y}", "static:{x}y", "static:{}", "randmap:{ x }", "randmap:{}", "randmap:{x", "randmap:{{a}{a}}", "unionmap:{static:a,static:b}",
            "unionmap:{static:{a b},static:c}", "unionmap:{}", "unionmap:{static:a,fail:b}", "unionmap:{nosuch:x}", "unionmap:x", "pipemap:{inline:{a=b},inline:{b=c}}",
            "pipemap:{inline:{x=b},fail:x}", "pipemap:{}", "pipemap:{a}", "environ:x", "fail:", "internal:x", "unix:passwd", "unix:", "nosuch:x", ":x", "x:"]
NETWORKS = [b"/33]/8", b"[/33]/8", b"[/33]", b"[]/8", b"[]", b"[]/", b"[::1]/8x", b"[1.2.3.4", b"1.2.3.4]", b"[1.2.3.4]/33", b"[1.2.3.4/8]", b"[1.2.3.4/8]/9", b"[1.2.3.4/32]/",
            b"[1.2.3.4]/3/2", b"[1.2.3.0/24]", b"/8", b"1.2.3/8", b"1.2.3.4/", b"::1/129", b"::/-1", b"1.2.3.4/+8", b"1.2.3.4/032", b"1.2.3.4/8", b"x::/8", b"[[::1]]/8"]
SETTINGS = [b"=x", b"dbpath", b'"a b" = c', b" dbpath = x", b"dbpath = /none", b"dbpath = /none\ntable = t", b"dbpath = /none\nquery =", b"dbpath=/none\nquery=select %z",
            b"dbpath=/none\nquery=select 1\nexpansion_limit=x", b"dbpath=/none\nquery=select 1\nexpansion_limit=-1", b"a b = c"]
TEXTS = [b"a b", b"a", b" a b", b"a b\n c", b"a  b  ", b'"a b" c', b'"a b c', b"a:b", b"a: b", b"a b\na c", b"A b", b"#a b", b"a b #c", b"a\tb", b"a\\ b c", b'"a"b c', b"a b\r",
         b"\xc3\x84 x", b"\xff x", b"a \xff", b"a b\n\tc\n#x\n\n d", b'"" x', b'"a\\"b" x', b'a"b" x', b"a\x0bb", b"a\x0c b"]


def alike(folder, cases):
    """Each case: (arguments, standard input)."""
    with ThreadPoolExecutor(12) as pool:
        answers = pool.map(lambda case: both(folder, *case[0], stdin=case[1]), cases)
    wrong = [(case, theirs, ours) for case, (theirs, ours) in zip(cases, answers, strict=True) if theirs != ours]
    assert not wrong, "\n".join(f"{case}\n  Postfix {theirs}\n  pyfix   {ours}" for case, theirs, ours in wrong)


def test_inline(folder):
    alike(folder, [(("-q", "a", f"inline:{name}"), b"") for name in INLINE]
          + [(("-q", "-", f"inline:{name}"), b"a\nA\na b\na=b\nc\n\n") for name in INLINE])


def test_tables_of_tables_and_of_the_system(folder):
    alike(folder, [(("-q", "-", spec), b"a\nb\nA\nroot\nPATH\n\n") for spec in COMPOSED])


def test_networks(folder):
    write(folder, "t", b"".join(text + b" found\n" for text in NETWORKS))
    alike(folder, [(("-q", "-", "cidr:t"), b"1.2.3.4\n::1\n9.9.9.9\n")])


def test_configuration_files(folder):
    for number, text in enumerate(SETTINGS):
        write(folder, f"cfg{number}", text + b"\n")
    alike(folder, [(("-q", "a", f"sqlite:{folder}/cfg{number}"), b"") for number in range(len(SETTINGS))])


def test_sources(folder):
    for number, text in enumerate(TEXTS):
        write(folder, f"t{number}", text + b"\n")
    questions = b"a\na b\na:\n\xc3\xa4\n\xff\na\\ b\nab\n"
    alike(folder, [(("-q", "-", f"texthash:t{number}"), questions) for number in range(len(TEXTS))]
          + [(("-s", f"texthash:t{number}"), b"") for number in range(len(TEXTS))])


@pytest.mark.parametrize("option", ["-s", "-f"])
def test_options(folder, option):
    more = [("-s",), ("-q", "a", "cidr:/tmp"), ("-q", "a", "texthash:/tmp"), ("-q", "a", "regexp:/nonexistent"), ("-s", "static:x"), ("-s", "environ:"), ("-i", "static:x"),
            ("-d", "a", "inline:{a=b}"), ("-d", "a", "static:x"), ("-s", "static:x"), ("-q", "a", "inline:{a=b, a=c}"), ("-q", "A", "inline:{A=b}"), ("-q", "a", "inline:{b=c}", "static:x"), ("-F", "-q", "a", "inline:{a=/nonexistent}")]
    alike(folder, [(arguments if option == "-s" else ("-f", *arguments), b"") for arguments in more])


CONTENT = b"""From: a
To: b
 c
Content-Type: multipart/mixed; boundary=x

body
--x
Content-Type: text/plain

part
--x--
"""


def test_parts_of_a_message(folder):
    alike(folder, [((letters, "-q", "-", "static:x"), CONTENT) for letters in ("-b", "-h", "-m", "-bm", "-hm", "-bh", "-bhm")])
