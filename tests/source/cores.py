"""Which compiled modules are cores (they parse, encode, look up, rewrite or decide), and what proves each; test_cores.py checks it.

A core has a plain-Python twin or a library's equivalent, a test that feeds it in pieces (WHOLE: it takes whole values only), a property test,
a fuzz target with a corpus, and a micro benchmark beside its equivalent. A cell is "file::name": a function, or a key of its TARGETS or PAIRS.
A corpus is the file of that target in tests/fuzz/corpus, or what a third part of the cell names.
"""

from typing import NamedTuple

WHOLE = "whole values only"
PROPERTY = "tests/property/test_targets.py::test_as_the_twin"
TEXT, RECORDS = "tests/fuzz/text.py::", "tests/fuzz/records.py::"
BENCH_TEXT, BENCH_BOOKS = "bench/micro/test_bench_text.py::", "bench/micro/test_bench_books.py::"
MSGPACK = "library: msgpack"


class Core(NamedTuple):
    """The five proofs of a core."""

    twin: str
    cut: str
    property: str
    fuzz: str
    bench: str


def oracle(name: str) -> str:
    return f"tests/oracle/{name}.py"


ADDRESS, MAPS = "tests/property/test_property_address.py::", "tests/property/maps/"
FUZZ_ADDRESS, FUZZ_RECORDS = "tests/fuzz/test_fuzz_address.py::", "tests/fuzz/test_fuzz_records.py::"
FUZZ_MAPS = "tests/fuzz/maps/test_hashmap.py::"
DOORS, BENCH_STAGES = "tests/fuzz/doors.py::", "bench/micro/test_bench_stages.py::"
SERVER, CLIENT = "tests/property/test_server_properties.py::", "tests/property/test_client_property.py::"

CORES = {
    "_core.address": Core(oracle("address"), WHOLE, ADDRESS + "test_path", FUZZ_ADDRESS + "path::CORPUS", "bench/micro/test_address.py::by_oracle"),
    "_core.chars": Core(oracle("words"), WHOLE, PROPERTY, TEXT + "text", BENCH_TEXT + "chars"),
    "_core.client": Core(oracle("client"), "tests/core/test_client.py::test_as_oracle", CLIENT + "test_dialogue",
                         "tests/fuzz/test_fuzz_client.py::test_dialogues::TRANSCRIPTS", "bench/micro/test_bench_client.py::test_session_oracle"),
    "_core.command": Core(oracle("words"), WHOLE, PROPERTY, TEXT + "line", BENCH_TEXT + "command"),
    "_core.data": Core(oracle("data"), "tests/core/test_data.py::test_end_of_data_matrix", SERVER + "test_content_is_the_oracle_s", TEXT + "content",
                       "bench/micro/test_bench_operations.py::test_end_of_data_in_python"),
    "_core.envelope": Core(oracle("words"), WHOLE, PROPERTY, TEXT + "line", BENCH_TEXT + "envelope"),
    "_core.frame": Core(oracle("frame"), "tests/core/test_queue_cores.py::test_records_agree_whole_cut_and_damaged",
                        "tests/core/test_queue_cores.py::test_any_bytes_are_no_record", RECORDS + "record", BENCH_BOOKS + "frame"),
    "_core.hashbuild": Core(oracle("hashmap"), WHOLE, MAPS + "test_hashmap.py::test_source", FUZZ_MAPS + "test_random_sources::WORDS",
                            "bench/micro/test_tables_map.py::test_parse_plain_python"),
    "_core.hashmap": Core(oracle("hashmap"), WHOLE, MAPS + "test_hashmap.py::test_image", FUZZ_MAPS + "test_damaged_images::WORDS",
                          BENCH_BOOKS + "hashmap"),
    "_core.mime": Core(oracle("mime"), "tests/core/test_mime.py::test_every_cut_of_one_message", "tests/core/test_mime.py::test_same_as_the_twin",
                       TEXT + "mime", BENCH_TEXT + "mime"),
    "_core.outgoing": Core(oracle("outgoing"), CLIENT + "test_content_cut_anywhere", CLIENT + "test_content",
                           "tests/fuzz/test_fuzz_client.py::test_contents::DOTS", "bench/micro/test_bench_client.py::test_encode_oracle"),
    "_core.pack": Core(MSGPACK, WHOLE, "tests/core/test_pack.py::test_the_same_bytes_as_msgpack", FUZZ_RECORDS + "packed::NUMBERS",
                       "bench/micro/test_bench_records.py::test_pack_by_the_library"),
    "_core.quote": Core(oracle("address"), WHOLE, PROPERTY, TEXT + "addresses", BENCH_TEXT + "quote"),
    "_core.reply": Core(oracle("words"), WHOLE, PROPERTY, TEXT + "answer", BENCH_TEXT + "reply"),
    "_core.rewrite": Core(oracle("rewrite"), WHOLE, ADDRESS + "test_rewrite", FUZZ_ADDRESS + "canonical::CORPUS", "bench/micro/test_address.py::by_oracle"),
    "_core.server": Core(oracle("server"), "tests/core/test_server.py::test_byte_by_byte_gives_the_same", SERVER + "test_any_cut_gives_the_same",
                         "tests/fuzz/test_fuzz_server.py::test_fuzz_server::CORPUS", BENCH_TEXT + "server"),
    "_core.slots": Core(oracle("slots"), WHOLE, "tests/core/test_queue_cores.py::test_queue_ids_agree_and_come_back", RECORDS + "timers", BENCH_BOOKS + "slots"),
    "_core.tapped": Core(oracle("server"), "tests/core/test_tapped.py::test_any_cut_shows_the_same", "tests/core/test_tapped.py::test_it_says_what_the_plain_core_says",
                         "tests/fuzz/test_fuzz_careful.py::try_tap::WORDS", BENCH_TEXT + "tapped"),
    "_core.tok822": Core(oracle("tok822"), WHOLE, ADDRESS + "test_tree", TEXT + "addresses", BENCH_TEXT + "tok822"),
    "_core.unpack": Core(MSGPACK, "tests/core/test_unpack.py::test_cut_short_is_refused", "tests/core/test_unpack.py::test_any_bytes_as_the_oracle_or_refused",
                         FUZZ_RECORDS + "packed::NUMBERS", "bench/micro/test_bench_records.py::test_unpack_by_the_library"),
    "_core.wheel": Core(oracle("wheel"), WHOLE, "tests/core/test_queue_cores.py::test_the_wheel_against_a_dictionary", RECORDS + "timers", BENCH_BOOKS + "wheel"),
    "_core.wordset": Core(oracle("wordset"), WHOLE, MAPS + "test_required.py::test_the_kernel_finds_what_plain_python_finds", TEXT + "words", BENCH_TEXT + "wordset"),
    "_core.xtext": Core(oracle("xtext"), WHOLE, "tests/property/test_xtext.py::test_as_the_oracle", TEXT + "line", BENCH_TEXT + "xtext"),
    "cleanup.hot": Core(oracle("accepting"), WHOLE, PROPERTY, DOORS + "message", BENCH_STAGES + "message"),
    "cleanup.facts": Core(oracle("facts"), "tests/core/test_facts.py::test_a_header_cut_anywhere_has_not_ended_or_reads_the_same",
                          "tests/core/test_facts.py::test_agrees_with_the_oracle", TEXT + "header", BENCH_TEXT + "facts"),
    "deliver.way": Core(oracle("way"), WHOLE, "tests/unit/deliver/test_way.py::test_servers_are_tried_in_the_manual_s_order", RECORDS + "servers", BENCH_BOOKS + "way"),
    "ipc.stream": Core(oracle("stream"), FUZZ_RECORDS + "frames", "tests/property/test_targets.py::test_frames_however_cut", FUZZ_RECORDS + "frames::NUMBERS",
                       "bench/micro/test_bench_records.py::test_frames_in_python"),
    "maps.cdbfile": Core(oracle("cdb"), WHOLE, PROPERTY, RECORDS + "database", BENCH_BOOKS + "cdb"),
    "maps.rules": Core("library: re", WHOLE, MAPS + "test_required.py::test_no_answer_changes", RECORDS + "patterns",
                          "bench/micro/test_tables_map.py::test_a_thousand_patterns_by_the_library"),
    "pickup.localcontent": Core(oracle("localcontent"), TEXT + "local", PROPERTY, TEXT + "local", BENCH_TEXT + "localcontent"),
    "qmgr.hot": Core(oracle("manager"), WHOLE, PROPERTY, "tests/fuzz/stages.py::manager", BENCH_STAGES + "test_manager"),
    "qmgr.scheduler": Core(oracle("scheduler"), WHOLE, "tests/property/test_scheduler.py::test_every_recipient_ends_once", RECORDS + "windows",
                           "bench/micro/test_scheduler.py::test_choice_plain_python"),
    "queue.envelope": Core(oracle("queue_envelope"), WHOLE, PROPERTY, RECORDS + "stored", BENCH_BOOKS + "queue envelope"),
    "queue.ledger": Core(oracle("ledger"), WHOLE, PROPERTY, RECORDS + "books", BENCH_BOOKS + "ledger"),
    "queue.scan": Core(oracle("scan"), "tests/core/test_scan.py::test_a_file_cut_anywhere", PROPERTY, "tests/fuzz/segments.py::segment", BENCH_STAGES + "segment"),
    "resolve.cache": Core(oracle("routes"), WHOLE, PROPERTY, DOORS + "answers", BENCH_STAGES + "cache"),
    "smtpd.hot": Core(oracle("door"), WHOLE, PROPERTY, DOORS + "welcomes", BENCH_STAGES + "door"),
    "smtpd.tally": Core(oracle("tally"), WHOLE, PROPERTY, RECORDS + "counts", BENCH_BOOKS + "tally"),
    "telemetry.lines": Core(oracle("lines"), WHOLE, "tests/unit/test_maillog.py::test_masking_agrees_with_the_oracle", TEXT + "logged", BENCH_TEXT + "lines"),
}

# compiled modules that are none, and why
SOCKETS = "system calls on sockets; what comes and goes is a core's"
DISK = "system calls on files: every crash, cut and flipped byte is replayed (tests/crash, tests/unit/queue)"
SESSION = "joins a stream, a core and policy; played whole (tests/dialogs, tests/flow)"
SHORT_WAY = "the plain case of a Python module that has the whole law; both answer the same tests"
TOOL = "a load tool, outside of the relay (tests/unit/load, bench/micro/test_bench_load.py)"
KERNEL = "system calls of one process"
VALUES = "values, no rules"
OTHERS = {
    "_core.buffer": VALUES, "_core.client_text": "a part of _core.client", "_core.limits": VALUES, "_core.request": "a part of _core.client",
    "cleanup.intake": SHORT_WAY, "cleanup.origin": VALUES, "confine": KERNEL, "deliver.session": SESSION, "durable": DISK,
    "load.channel": TOOL, "load.checking": TOOL, "load.histogram": TOOL, "load.receiving": TOOL, "load.receiving_tls": TOOL, "load.sending": TOOL,
    "load.sending_tls": TOOL, "load.traffic": TOOL,
    "maps.hashtable": "maps a file into memory; what is in it is _core.hashmap's", "maps.manykeys": "_core.hashmap's lookup, 16 at a time (tests/unit/maps/test_many_keys.py)",
    "maps.manylines": "_core.hashmap's lookup, 16 lines at a time (tests/interop/maps)", "maps.pattern": "a part of maps.rules", "message": VALUES,
    "net.callbacks": SOCKETS, "net.engine": SOCKETS, "net.listener": SOCKETS, "net.sockaddr": "inet_pton(3) and inet_ntop(3)", "net.stream": SOCKETS,
    "qmgr.heap": "a part of qmgr.scheduler", "queue.commit": DISK, "queue.content": VALUES, "queue.journal": DISK, "queue.reader": DISK, "queue.segment": DISK,
    "queue.writer": DISK, "smtpd.careful": SESSION,
    "smtpd.session": SESSION, "title": KERNEL,
}
