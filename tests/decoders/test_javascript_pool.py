"""Codecs as vendors write them, run in a child process."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from decoders.codec.program import Call, Program
from decoders.javascript.process import Limits
from tests.decoders.javascript_pool import AT, GOOD, PATIENT, call, output, pool_of, reason


@pytest.fixture(scope="module")
def pool():
    with pool_of() as pool:
        yield pool


def data(pool, source, *arguments, **named):
    return output(pool.run([call(source, *arguments, **named)])[0]).data


def test_ts013_gets_all_it_is_promised(pool):
    """LoRa Alliance TS013-1.0.0: input.bytes, fPort, recvTime (a Date); data, warnings. Variables are ChirpStack's."""
    source = """
    function decodeUplink(input) {
        return {
            data: {
                bytes: input.bytes, list: Array.isArray(input.bytes), port: input.fPort,
                at: input.recvTime.toISOString(), offset: input.variables.offset,
            },
            warnings: ["first", "second"],
        };
    }"""
    said = output(pool.run([call(source, b"\x00\xff\x80", 42, '{"offset": "3"}')])[0])
    assert said.data == {
        "bytes": [0, 255, 128],
        "list": True,
        "port": 42,
        "at": "2026-03-01T08:30:00.000Z",
        "offset": "3",
    }
    assert said.warnings == ("first", "second")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "function Decode(fPort, bytes, variables) { return {port: fPort, n: bytes.length, v: variables.a}; }",
            "chirpstack",
        ),
        ("function Decoder(bytes, port) { return {port: port, n: bytes.length, v: 'x'}; }", "ttn"),
        ("exports.decodeUplink = (i) => ({data: {port: i.fPort, n: i.bytes.length, v: 'x'}});", "exports"),
        ("module.exports = {decodeUplink: (i) => ({data: {port: i.fPort, n: i.bytes.length, v: 'x'}})};", "module"),
        ("'use strict';\nconst decodeUplink = (i) => ({data: {port: i.fPort, n: i.bytes.length, v: 'x'}});", "const"),
        ("decodeUplink = function (i) { return {data: {port: i.fPort, n: i.bytes.length, v: 'x'}}; }", "global"),
        (
            "(function (root, factory) { if (typeof module === 'object' && module.exports) module.exports = factory();"
            " else root.codec = factory(); })(this, function () { return {decodeUplink: function (i) {"
            " return {data: {port: i.fPort, n: i.bytes.length, v: 'x'}}; }}; });",
            "umd",
        ),
        (
            "if (typeof require !== 'undefined') { require('fs'); } console.log('hello');"
            "function Decoder(b, p) { console.error(b); return {port: p, n: b.length, v: 'x'}; } // the end",
            "guarded",
        ),
    ],
    ids=lambda value: value if " " not in value else "",
)
def test_every_way_a_codec_is_written(pool, source, expected):
    assert data(pool, source, b"\x01\x02", 9, '{"a": "x"}') == {"port": 9, "n": 2, "v": "x"}


def test_the_newest_entry_point_counts(pool):
    source = "function Decoder() { return {v: 1}; } function Decode() { return {v: 2}; }"
    assert data(pool, source) == {"v": 2}
    assert data(pool, source + "function decodeUplink() { return {data: {v: 3}}; }") == {"v": 3}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("function decodeUplink() { throw new Error('no') }", "codec_threw"),
        ("function decodeUplink() { throw {get message() { throw 1 }, toString() { throw 2 }} }", "codec_threw"),
        ("function decodeUplink() { return {errors: ['invalid port', 'and more']} }", "codec_errors"),
        ("function decodeUplink() { return {data: {a: 1}, errors: 'short'} }", "codec_errors"),
        ("function decodeUplink() {}", "codec_no_object"),
        ("function decodeUplink() { return {} }", "codec_no_object"),
        ("function decodeUplink() { return {data: 5} }", "codec_no_object"),
        ("function decodeUplink() { return {data: [1]} }", "codec_no_object"),
        ("function decodeUplink() { return {data: {toJSON() { return 5 }}} }", "codec_no_object"),
        ("async function decodeUplink() { return {data: {a: 1}} }", "codec_no_object"),
        ("function decodeUplink() { return {data: Promise.resolve({a: 1})} }", "codec_no_object"),
        ("function Decoder() { return null }", "codec_no_object"),
        ("function decodeUplink() { return {data: decodeUplink} }", "codec_function"),
        ("function decodeUplink() { var a = {}; a.a = a; return {data: a} }", "codec_not_json"),
        ("function decodeUplink() { return {data: {a: 'x'.repeat(1 << 20)}} }", "codec_too_large"),
        ("function decodeUplink() { return {data: {a: new Array(1 << 18).fill(0)}} }", "codec_too_large"),
        ("function encodeDownlink() {}", "codec_no_entry_point"),
        ("", "codec_no_entry_point"),
        ("function decodeUplink( {", "codec_syntax_error"),
        ("}; function decodeUplink() { return {data: {}} } {", "codec_syntax_error"),
        ("throw new Error('at load')", "codec_threw"),
    ],
)
def test_each_fault_has_its_reason(pool, source, expected):
    [failed, served] = pool.run([call(source), call(GOOD)])
    assert reason(failed) == expected
    assert output(served).data == {"first": 7, "port": 3}


def test_what_the_codec_says_of_its_refusal_is_kept(pool):
    [failed] = pool.run([call("function decodeUplink() { return {errors: ['invalid port', 'or so']} }")])
    assert failed.detail == "invalid port; or so"


def test_what_json_has_no_word_for_is_marked(pool):
    source = """function decodeUplink() { return {data: {
        nan: NaN, far: -Infinity, whole: 12n, huge: 2n ** 80n, call() {}, none: undefined, sym: Symbol("x"),
        at: new Date(0), nil: null }} }"""
    assert data(pool, source) == {
        "nan": "\0NaN",
        "far": "\0-Infinity",
        "whole": 12,
        "huge": "\0bigint",
        "call": "\0function",
        "sym": "\0symbol",
        "at": "1970-01-01T00:00:00.000Z",
        "nil": None,
    }


def test_no_frame_sees_what_another_left(pool):
    """The top level of a codec is run anew for each frame, and what it adds to the globals is taken away."""
    source = """
    var count = 0; let last = null; const seen = [];
    function decodeUplink(input) {
        count++; seen.push(count); leaked = typeof leaked === "undefined" ? 1 : leaked + 1;
        globalThis.kept = (globalThis.kept || 0) + 1;
        const before = last; last = input.bytes[0];
        return {data: {count, seen: seen.length, leaked, before, kept: globalThis.kept}};
    }"""
    fresh = {"count": 1, "seen": 1, "leaked": 1, "before": None, "kept": 1}
    assert [output(ran).data for ran in pool.run([call(source)] * 3)] == [fresh] * 3


@pytest.mark.parametrize(
    "tampering",
    [
        "Array.prototype.push = function () { return 666 }",
        "Object.prototype.first = 666",
        "JSON.stringify = () => '{}'",
        "Object.defineProperty(Array.prototype, 'map', {value: null})",
        "Array = null",
        "Date.prototype.toISOString = () => 'never'",
        "Reflect.ownKeys = () => []",
        "Object.setPrototypeOf(Array.prototype, {first: 666})",
        "(function* () {}).constructor.prototype.prototype.next = null",
        "globalThis.decodeUplink = () => ({data: {first: 666}})",
        "Object.defineProperty(globalThis, 'stays', {value: 1})",
        "Object.freeze(globalThis)",
        "module.exports.decodeUplink = () => ({data: {first: 666}})",
        "exports.decodeUplink = () => ({data: {first: 666}})",
    ],
)
def test_tampering_reaches_no_other_frame_and_no_other_codec(pool, tampering):
    source = f"""function decodeUplink(input) {{
        if (input.bytes[0] === 0) {{ try {{ {tampering}; }} catch (e) {{}} }}
        const l = []; l.push(1, 2);
        return {{data: {{first: l.map((n) => 2 * n),
            x: ({{}}).first, at: new Date(0).toISOString(), s: typeof stays}}}};
    }}"""
    same = {"first": [2, 4], "at": "1970-01-01T00:00:00.000Z", "s": "undefined"}
    untouched, _, same_codec, other_codec = pool.run(
        [call(source, b"\x01"), call(source, b"\x00"), call(source, b"\x01"), call(GOOD)]
    )
    assert output(untouched).data == same
    assert output(same_codec).data == same
    assert output(other_codec).data == {"first": 7, "port": 3}


def test_codecs_that_extend_the_language_still_work(pool):
    """Polyfills and methods of their own on prototypes, strict or not; own toString on objects and classes."""
    sloppy = "Array.prototype.last = function () { return this[this.length - 1] };"
    body = """function Thing() {} Thing.prototype.toString = function () { return "thing" };
    Thing.prototype.constructor = Thing; class Odd extends Error { constructor(m) { super(m); this.name = "Odd" } }
    function decodeUplink(input) { const o = {}; o.toString = () => "own"; o.constructor = 1;
        return {data: {last: input.bytes.last(),
            thing: String(new Thing()), own: String(o), odd: new Odd("x").name}} }"""
    expected = {"last": 9, "thing": "thing", "own": "own", "odd": "Odd"}
    for source in (sloppy + body, "'use strict';" + sloppy + body):
        for _ in range(2):
            assert data(pool, source, b"\x01\x09") == expected


def test_a_polyfill_defined_anew_with_every_frame_is_kept_warm():
    """As Milesight's codecs begin: Object.defineProperty(Object, "assign", ...), whether it is there or not."""
    source = """
    Object.defineProperty(Object, "assign", {enumerable: false, configurable: true, writable: true,
        value: function (target) { target.mine = 1; return target; }});
    "use strict"; Array.prototype.first = function () { return this[0]; };
    function decodeUplink(input) {
        let changed = false;
        if (input.bytes[0] === 9)
            try { Object.defineProperty(Object, "assign", {value: null}); changed = true; } catch (e) {}
        return {data: {assigned: Object.assign({}), first: input.bytes.first(), changed}};
    }"""
    with pool_of() as pool:
        said = [output(ran).data for ran in pool.run([call(source, bytes([n])) for n in (1, 9, 2)])]
    assert said == [{"assigned": {"mine": 1}, "first": n, "changed": False} for n in (1, 9, 2)]


@pytest.mark.parametrize("length", [1, 100, 1000, 5000, 30000, 65000])
def test_text_put_together_from_pieces_arrives_whole(pool, length):
    source = """function decodeUplink(i) {
        let t = ""; for (let n = 0; n < %d; n++) t += "é"; const half = t + t.slice(1);
        return {data: {t, half: half.length, w: "x".repeat(10) + t.slice(0, 5)}, warnings: [t + "!"]} }"""
    said = output(pool.run([call(source % length)])[0])
    assert said.data == {"t": "é" * length, "half": 2 * length - 1, "w": "x" * 10 + ("é" * length)[:5]}
    assert said.warnings[0].startswith("é")


def test_a_long_reason_arrives_whole(pool):
    for throwing in (
        "throw 'x'.repeat(5000) + input.fPort",
        "return {errors: ['y'.repeat(9000) + 'z', 'more'.repeat(3000)]}",
    ):
        [failed] = pool.run([call(f"function decodeUplink(input) {{ {throwing} }}")])
        assert reason(failed) in {"codec_threw", "codec_errors"}
        assert failed.detail[:100] in {"x" * 100, "y" * 100}


def test_a_codec_has_nothing_but_the_language(pool):
    names = (
        "require process os std fetch XMLHttpRequest WebSocket setTimeout setInterval Deno Bun importScripts read load"
        " print scriptArgs Worker navigator window"
    )
    source = f"""function decodeUplink() {{ return {{data: {{
        there: {json.dumps(names.split())}.filter((name) => typeof globalThis[name] !== "undefined")}}}} }}"""
    assert data(pool, source) == {"there": []}
    importing = (
        "function decodeUplink() { import('os').then((m) => { globalThis.os = m }); return {data: {os: typeof os}} }"
    )
    assert data(pool, importing) == {"os": "undefined"}


def test_the_process_holds_nothing_of_ours(pool, monkeypatch, tmp_path):
    """No environment, no files but its two pipes, the root as folder, no right to open, write or start anything."""
    pool.run([call(GOOD)])
    [pid] = pool.pids()
    process = Path(f"/proc/{pid}")
    assert (process / "environ").read_bytes() == b""
    assert (process / "cwd").readlink() == Path("/")
    kinds = {str(link.readlink()).split(":")[0] for link in (process / "fd").iterdir()}
    assert kinds == {"pipe", "/dev/null"}
    limits = {line[:26].strip(): line[26:].split()[:2] for line in (process / "limits").read_text().splitlines()[1:]}
    for name in ("Max open files", "Max file size", "Max processes", "Max core file size"):
        assert limits[name] == ["0", "0"], name
    assert int(limits["Max address space"][1]) < 1 << 30
    assert int((process / "oom_score_adj").read_text()) == 1000


def test_answers_are_in_the_order_of_the_calls_however_many_processes():
    codecs = [f"function decodeUplink(i) {{ return {{data: {{codec: {n}, b: i.bytes[0]}}}} }}" for n in range(5)]
    calls = [call(codecs[n % 5], bytes([n])) for n in range(200)]
    for processes in (1, 3):
        with pool_of(processes=processes) as pool:
            assert [output(ran).data for ran in pool.run(calls)] == [{"codec": n % 5, "b": n} for n in range(200)]
            assert len(pool.pids()) == processes


def test_large_messages_both_ways_do_not_stop_each_other():
    """More than a pipe holds, in both directions at once."""
    table = "x" * 300_000
    source = f"""const t = '{table}';
    function decodeUplink(i) {{ return {{data: {{text: t.slice(0, 60000), n: i.bytes[0]}}}} }}"""
    calls = [call(Program(f"test/{n % 3}@1", source), bytes([n])) for n in range(40)]
    with pool_of() as pool:
        said = [output(ran).data for ran in pool.run(calls)]
    assert [one["n"] for one in said] == list(range(40))
    assert all(one["text"] == table[:60000] for one in said)


def test_more_codecs_than_are_kept_warm():
    codecs = [f"function decodeUplink() {{ return {{data: {{codec: {n}}}}} }}" for n in range(40)]
    with pool_of() as pool:
        for _ in range(2):
            assert [output(ran).data for ran in pool.run([call(c) for c in codecs])] == [
                {"codec": n} for n in range(40)
            ]


def test_a_process_ended_by_somebody_else_costs_nothing():
    with pool_of() as pool:
        pool.run([call(GOOD)])
        for _ in range(3):
            [pid] = pool.pids()
            os.kill(pid, signal.SIGKILL)
            assert output(pool.run([call(GOOD)])[0]).data == {"first": 7, "port": 3}
            assert pool.pids() != [pid]


def test_processes_do_not_outlive_their_parent():
    """Killed without a chance to say goodbye, while its codec is in an endless loop of the engine's own."""
    program = """
import sys, threading, time
from tests.decoders.javascript_pool import GOOD, call, pool_of
with pool_of() as pool:
    pool.run([call(GOOD)])
    loop = "function decodeUplink() { new Array(1e9).join(); return {data: {}} }"
    threading.Thread(target=pool.run, args=([call(loop)],), daemon=True).start()
    print(pool.pids()[0], flush=True)
    time.sleep(600)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", program], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    # A process that nobody has reaped yet has no command line any more; it may go while it is looked at.
    with suppress(FileNotFoundError, ProcessLookupError):
        while Path(f"/proc/{pid}/cmdline").read_bytes():
            time.sleep(0.01)


def test_without_the_engine_frames_wait(monkeypatch):
    monkeypatch.setattr("decoders.javascript.process.find_spec", lambda _: None)
    with pool_of() as pool:
        [failed] = pool.run([call(GOOD)])
    assert reason(failed) == "codec_unavailable"
    assert "quickjs-ng" in failed.detail


def test_a_process_that_never_starts_is_given_up(monkeypatch, tmp_path):
    broken = tmp_path / "child.py"
    broken.write_text("raise SystemExit(1)\n")
    monkeypatch.setattr("decoders.javascript.process.SCRIPT", broken)
    with pool_of() as pool:
        assert [reason(ran) for ran in pool.run([call(GOOD)] * 3)] == ["codec_unavailable"] * 3
        assert pool.pids() == []


def test_the_parent_believes_no_length(monkeypatch, tmp_path):
    """A process that was taken over announces four gigabytes: it is ended, and its frame refused."""
    lying = tmp_path / "child.py"
    lying.write_text(
        "import os\nos.write(1, bytes(4))\nos.read(0, 9999)\nos.write(1, b'\\xff' * 4 + b'x' * 9)\nos.read(0, 1)\n"
    )
    monkeypatch.setattr("decoders.javascript.process.SCRIPT", lying)
    with pool_of() as pool:
        assert reason(pool.run([call(GOOD)])[0]) == "codec_died"


def test_nothing_to_do_starts_nothing():
    with pool_of() as pool:
        assert pool.run([]) == []
        assert pool.pids() == []


def test_limits_are_those_that_are_promised():
    """The issue: a hostile codec costs at most 1 s; here with the pause until its process is stopped and made anew."""
    assert Limits().wall_seconds + Limits().cpu_seconds <= 1.0
    assert PATIENT.wall_seconds > Limits().wall_seconds


def test_a_codec_of_another_frame_time(pool):
    source = "function decodeUplink(i) { return {data: {ms: i.recvTime.getTime()}} }"
    program = Program("test/time@1", source)
    assert output(pool.run([Call(program, 1, b"", AT.timestamp() * 1000 + 1)])[0]).data == {"ms": 1772353800001}
