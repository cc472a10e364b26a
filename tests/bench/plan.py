# SPDX-License-Identifier: MIT
"""Who is measured against whom, and in which workloads."""
from __future__ import annotations

SOCKET, CHANNEL, SPIN = "sockboot_socket", "sockboot_channel", "sockboot_spin"
OURS = (SOCKET, CHANNEL, SPIN)
GUARDED = {SOCKET: "sockboot_socket_timeout", CHANNEL: "sockboot_channel_timeout"}  # with a timeout and a canceller
SAME_IN_C = {SOCKET: "c_sendmsg", CHANNEL: "c_buffered"}
GUARDED_C = {name: f"{name}_timeout" for name in SAME_IN_C.values()}  # with one deadline a call and a pipe that ends it
LOGGED = "sockboot_logged"  # a socket with the log as it is by default: a line for each connection, into a file
SLOWED = "sockboot_slowed"  # sockboot_socket.cpp with work put in: must be found slower
ITSELF = SOCKET + "#2"      # a second instance: must be found as fast
ONE_CALL_A_MESSAGE = ("c_naive", "c_sendmsg", "asio_sync", "poco")
BUFFERED = ("c_buffered", "asio_buffered", "poco_buffered", "libuv_buffered")  # flat buffers: the match of the channel
ASIO = ("asio_sync", "asio_buffered", "asio_coroutines")
GIVEN = tuple(f"{name}_given" for name in ASIO)  # the same with the Asio of -DSOCKBOOT_BENCH_ASIO=FOLDER, where there is
PEERS = ("c_naive", "c_sendmsg", "c_buffered", *ASIO, *GIVEN, "zeromq_pair", "poco", "poco_buffered", "libuv",
         "libuv_buffered")
SPINNING = ("c_spin", "asio_spin")     # c_buffered and asio_buffered that never sleep
SAME_CONNECT = ("c_naive", *BUFFERED, GIVEN[1])  # they connect with the code of c_sendmsg, asio_sync, poco, libuv
EVERYBODY = (*OURS, *GUARDED.values(), LOGGED, *PEERS, *SPINNING, *GUARDED_C.values(), SLOWED)

REQUESTS = ("request 64", "request 1024", "request 65536")
STREAMS = ("stream 64", "stream 1024", "stream 65536", "stream 1048576")
BY_ADDRESS, BY_NAME = "connect 127.0.0.1", "connect by-name.test"
DEAD_FIRST = ("connect dead-ipv6-first.test", "connect dead-ipv4-first.test")
WORKLOADS = (*REQUESTS, *STREAMS, BY_ADDRESS, BY_NAME)
GUARDED_WORKLOADS = ("request 64", "stream 64")
QUICK_WORKLOADS = ("request 64", "stream 64", "stream 1048576", BY_ADDRESS, BY_NAME)

COUNTED = {"request 64": (20, 2020), "stream 64": (2000, 22000), BY_ADDRESS: (20, 120)}
COUNTED_FOR_BUDGETS = (SOCKET, CHANNEL, *GUARDED.values(), *SAME_IN_C.values(), *GUARDED_C.values())
SIZES = tuple(4**power for power in range(13))  # 1 B to 16 MiB
SIZE_CONTENDERS = (SOCKET, CHANNEL, "c_buffered", "c_sendmsg", "asio_sync", "zeromq_pair")
LATENCY = "request 64"


def pairs(workload: str) -> list[tuple[str, str]]:
    """(ours, peer), each to be run in turn."""
    kind = workload.split()[0]
    checks = [(SOCKET, ITSELF)] + [(SOCKET, SLOWED)] * (workload in ("request 64", "stream 64"))
    if kind == "connect":
        logged = [(LOGGED, "c_sendmsg")]
        return checks + [(SOCKET, peer) for peer in PEERS if peer not in SAME_CONNECT] + logged
    bare = ONE_CALL_A_MESSAGE if kind == "stream" else tuple(peer for peer in PEERS if peer not in (*BUFFERED, GIVEN[1]))
    spin = [(SPIN, peer) for peer in (*SPINNING, "c_buffered")] if workload == "request 64" else []
    guarded = [(GUARDED[form], rival) for form, peer in SAME_IN_C.items() for rival in (peer, GUARDED_C[peer])
               if workload in GUARDED_WORKLOADS]
    return checks + [(SOCKET, peer) for peer in bare] + [(CHANNEL, peer) for peer in PEERS] + guarded + spin


def times_to_count(workload: str) -> int:
    """How often; the least of them is kept. In a stream it depends on the load of the moment whether its receiver catches
    up and waits, which only ever adds to what a message costs."""
    return 3 if workload.startswith("stream") else 1


def needs_namespace(workload: str) -> bool:
    """A name that only the file `hosts` has."""
    return workload.endswith(".test")


def size_text(size: int) -> str:
    """64 B, 1 KiB, 1 MiB"""
    for shift, unit in ((20, "MiB"), (10, "KiB")):
        if size >= 1 << shift:
            return f"{size >> shift} {unit}"
    return f"{size} B"


def title(workload: str) -> str:
    """A workload, for people."""
    kind, what = workload.split()
    if kind == "connect":
        ways = {BY_ADDRESS: "by address", BY_NAME: "by name", DEAD_FIRST[0]: "an IPv6 address that is dead first",
                DEAD_FIRST[1]: "an IPv4 address that is dead first"}
        return f"connect + accept + close, {ways[workload]}"
    return f"{'request/response' if kind == 'request' else 'one-way stream'}, {size_text(int(what))}"
