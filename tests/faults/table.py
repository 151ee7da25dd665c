"""The named faults, as data: what happens, and to whom. Each runs with the backend up, down, and coming and going."""

from __future__ import annotations

import resource
from signal import SIGKILL as KILL
from signal import SIGTERM as TERM

from tests.faults import deeds, disk, means, needs
from tests.faults.acts import behaving, doing, lasting, leaving, nothing, showing, together
from tests.faults.acts import to_backend as way
from tests.faults.acts import to_visitors as front
from tests.faults.backend import Closing, Dripping, Hasty, Refusing, Resetting, Saying, Silent
from tests.faults.cell import Fault
from tests.faults.certificates import Certificates
from tests.faults.means import dropping, failing, jumping, limited, renamed, tracing
from tests.faults.toxic import Bandwidth, Break, Corrupt, Latency, Slicer, SlowClose, Timeout

CLOCK = {
    "LD_PRELOAD": needs.faketime(),
    "FAKETIME_TIMESTAMP_FILE": "{home}/clock",
    "FAKETIME_NO_CACHE": "1",
    "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    "FAKETIME_FORCE_MONOTONIC_FIX": "0",  # threads wait by the monotonic clock, which is left alone
}
HALF = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 200\r\n\r\n{"

FAULTS: tuple[Fault, ...] = (
    # on the way to the backend
    Fault("way latency", "each piece to the backend waits 200 ms", way(lambda: Latency(0.2))),
    Fault("way jitter", "each piece of an answer waits up to 300 ms", way(None, lambda: Latency(0.0, 0.3))),
    Fault("way reset at once", "reset before a byte passed", way(lambda: Break(0, reset=True))),
    Fault("way reset in the handshake", "reset after 700 bytes", way(lambda: Break(700, reset=True))),
    Fault("way reset in the request", "reset after 6,000 bytes", way(lambda: Break(6000, reset=True))),
    Fault("way reset in the answer", "reset after 3,000 bytes of answers", way(None, lambda: Break(3000, reset=True))),
    Fault("way closed in the request", "closed after 6,000 bytes (limit_data)", way(lambda: Break(6000, reset=False))),
    Fault(
        "way closed in the answer", "closed after 3,000 bytes of answers", way(None, lambda: Break(3000, reset=False))
    ),
    Fault("way sliced", "pieces of 7 bytes, both ways", way(lambda: Slicer(7), lambda: Slicer(7))),
    Fault(
        "way slow to close",
        "the backend closes after each answer; that arrives 600 ms late",
        together(behaving(Closing), way(None, lambda: SlowClose(0.6))),
    ),
    Fault("way swallows requests", "accepts, passes nothing on (timeout)", way(Timeout)),
    Fault("way swallows answers", "requests arrive, no answer comes back", way(None, Timeout)),
    Fault("way narrow", "40 kB/s", way(lambda: Bandwidth(40_000), lambda: Bandwidth(40_000))),
    Fault("way corrupts requests", "a bit in every 3,000 bytes flips", way(lambda: Corrupt(3000))),
    Fault("way corrupts answers", "a bit in every 1,500 bytes flips", way(None, lambda: Corrupt(1500))),
    Fault("way drops packets", "all packets to the backend vanish", dropping(), ("namespaces", "iptables")),
    Fault(
        "way loses packets",
        "a third of the packets to the backend vanish",
        dropping("-m", "statistic", "--mode", "random", "--probability", "0.33"),
        ("namespaces", "iptables"),
    ),
    # between visitor and gateway
    Fault("visitor latency", "each piece from a visitor waits 150 ms", front(lambda: Latency(0.1, 0.1))),
    Fault("visitor sliced", "pieces of 11 bytes, both ways", front(lambda: Slicer(11), lambda: Slicer(11))),
    Fault("visitor narrow", "60 kB/s", front(lambda: Bandwidth(60_000))),
    Fault("visitor corrupted", "a bit in every 2,000 bytes flips", front(lambda: Corrupt(2000))),
    Fault("visitor reset in the body", "reset after 9,000 bytes", front(lambda: Break(9000, reset=True))),
    Fault("visitor closed in the body", "closed after 9,000 bytes", front(lambda: Break(9000, reset=False))),
    Fault("visitor hears nothing", "requests arrive, no answer reaches the visitor", front(None, Timeout)),
    Fault("visitor leaves in the head", "gone after 90 bytes", leaving(90)),
    Fault("visitor leaves in the body", "gone after 600 bytes", leaving(600)),
    Fault("visitor leaves before the answer", "gone once all is sent", leaving(None)),
    Fault("visitor dawdles", "half a body, half a second, gone", leaving(600, waits=0.5)),
    # the backend itself
    Fault("backend resets", "each connection is reset as it is made", behaving(Resetting)),
    Fault("backend ends in an answer", "FIN after half an answer", behaving(lambda: Saying(HALF))),
    Fault("backend resets in an answer", "RST after half an answer", behaving(lambda: Saying(HALF, resets=True))),
    Fault("backend says garbage", "bytes that are no HTTP", behaving(lambda: Saying(b"\0\xff\x16garbage\r\n\r\n"))),
    Fault("backend says nothing", "closes instead of an answer", behaving(lambda: Saying(b""))),
    Fault("backend is silent", "reads and never answers", behaving(Silent)),
    Fault("backend drips", "answers eight bytes at a time", behaving(Dripping)),
    Fault("backend closes", "closes after each answer, unannounced", behaving(Closing)),
    Fault("backend is hasty", "refuses with 503 before it has read", behaving(Hasty)),
    Fault("backend 500", "500 to everything", behaving(lambda: Refusing("500 Internal Server Error"))),
    Fault("backend 502", "502 to everything", behaving(lambda: Refusing("502 Bad Gateway"))),
    Fault(
        "backend 503", "503 with Retry-After", behaving(lambda: Refusing("503 Service Unavailable", "Retry-After: 1"))
    ),
    Fault("backend 429", "429 with Retry-After", behaving(lambda: Refusing("429 Too Many Requests", "Retry-After: 1"))),
    Fault(
        "backend 413",
        "413: it will never take these",
        behaving(lambda: Refusing("413 Content Too Large", for_good=True)),
    ),
    # its certificates and its name
    Fault("certificate of another host", "valid, but not for this name", showing(Certificates.of_another_host)),
    Fault("certificate expired", "since yesterday", showing(Certificates.expired)),
    Fault("certificate not yet valid", "from tomorrow", showing(Certificates.not_yet_valid)),
    Fault("certificate self-signed", "by itself alone", showing(Certificates.self_signed)),
    Fault("certificate of another authority", "one nobody named", showing(Certificates.of_another_authority)),
    Fault("certificate rotated", "three good ones in turn", showing(Certificates.good, times=3)),
    Fault("backend of yesterday", "TLS 1.1 and nothing newer", showing(Certificates.of_tls_1_1), ("tls1.1",)),
    Fault("backend without TLS", "plain HTTP behind an https address", showing(lambda _: None)),
    Fault(
        "name unknown",
        "the backend's name does not resolve",
        renamed(""),
        ("namespaces",),
        prepare=means.name_backend,
        host="backend.test",
    ),
    Fault(
        "name leads elsewhere",
        "the backend's name leads to where nobody is",
        renamed("127.0.0.9 backend.test"),
        ("namespaces",),
        prepare=means.name_backend,
        host="backend.test",
    ),
    # the process
    Fault("kill -9", "killed twice under load", doing(deeds.kill, times=2)),
    Fault("kill -9, queued", "the same on a queued route", doing(deeds.kill, times=2), delivery="queued"),
    Fault("maskers killed", "every masker is killed, twice", doing(deeds.kill_maskers, times=2), ("maskers",)),
    Fault("SIGTERM", "stopped and started twice under load", doing(deeds.terminate, times=2)),
    Fault("SIGSTOP", "frozen for 400 ms, twice", doing(deeds.freeze, times=2)),
    Fault("SIGHUP", "asked to reload ten times in 300 ms", doing(deeds.reload_often)),
    Fault("wrong configuration", "a reload with a mistake in gateway.yaml", doing(deeds.reload_wrong)),
    Fault("new rules", "a reload with other rules", doing(deeds.reload_right)),
    Fault("new certificate", "its own certificate is replaced", doing(deeds.change_certificate)),
    Fault("broken certificate", "its own certificate is replaced by rubbish", doing(deeds.break_certificate)),
    Fault("second process", "another one on the same spool", doing(deeds.second_process)),
    Fault("key missing", "restarted without the spool's key, then with it", doing(deeds.lose_key)),
    # the spool's files
    Fault("flipped bit in a record", "while the process is down", disk.harmed(disk.flip_record, stop=TERM)),
    Fault("flipped bit in a table", "in the file's structure", disk.harmed(disk.flip_table, stop=TERM)),
    Fault("flipped bit in the log", "of a process that was killed", disk.harmed(disk.flip_log, stop=KILL)),
    Fault("torn log", "half a write at its end", disk.harmed(disk.tear_log, stop=KILL)),
    # its disk: on a queued route, where every event goes by the spool
    Fault(
        "spool small",
        "the spool's limit is reached",
        lasting(nothing, nothing),
        spool={"limit": "64KiB"},
        delivery="queued",
    ),
    Fault(
        "file limit", "no file may grow beyond 4 KiB", limited(resource.RLIMIT_FSIZE, lambda _: 4096), delivery="queued"
    ),
    Fault(
        "disk full",
        "the spool's file system is full",
        lasting(disk.fill_disk, disk.empty_disk),
        ("namespaces",),
        prepare=disk.mount_small,
        delivery="queued",
    ),
    Fault(
        "disk read-only",
        "restarted while the spool's file system is read-only, then again",
        doing(disk.read_only),
        ("namespaces",),
        prepare=disk.mount_small,
        delivery="queued",
    ),
    Fault(
        "fsync fails",
        "EIO from fsync and fdatasync",
        tracing("fsync,fdatasync:error=EIO"),
        ("strace",),
        delivery="queued",
    ),
    Fault("write fails", "ENOSPC from pwrite64", tracing("pwrite64:error=ENOSPC"), ("strace",), delivery="queued"),
    Fault(
        "write fails now and then",
        "EIO from every fifth pwrite64",
        tracing("pwrite64:error=EIO:when=5+5"),
        ("strace",),
        delivery="queued",
    ),
    Fault(
        "library write fails",
        "ENOSPC from pwrite in the C library",
        failing("posix/io/rw/pwrite,failinfo=28"),
        ("fiu",),
        wrapper=("fiu-run", "-x"),
        delivery="queued",
    ),
    # its clock, memory and descriptors
    Fault(
        "clock ten years ahead",
        "jumps there and back",
        jumping("+10y"),
        ("faketime",),
        environment=CLOCK,
        prepare=means.set_clock,
    ),
    Fault(
        "clock ten years behind",
        "jumps there and back",
        jumping("-10y"),
        ("faketime",),
        environment=CLOCK,
        prepare=means.set_clock,
    ),
    Fault("memory", "4 MiB of address space are left", limited(resource.RLIMIT_AS, means.address_space), may_die=True),
    Fault(
        "descriptors", "one descriptor is left", limited(resource.RLIMIT_NOFILE, means.descriptors), delivery="queued"
    ),
)
