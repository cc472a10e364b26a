#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""first_server.py first_server

The README's first server among strangers: whatever a client does, the next one is served, and Ctrl-C ends it.
"""
import re
import signal
import socket
import struct
import subprocess
import sys


def frame(message):
    return struct.pack(">I", len(message)) + message


def echoes(port):
    with socket.create_connection(("127.0.0.1", port), timeout=30) as peer:
        peer.sendall(frame(b"hello"))
        assert peer.makefile("rb").read(9) == frame(b"hello")


def is_ended(peer):
    try:
        return peer.recv(1) == b""
    except ConnectionResetError:
        return True


process = subprocess.Popen([sys.argv[1]], stderr=subprocess.PIPE, text=True)
try:
    port = int(re.search(r"listening on 127\.0\.0\.1:(\d+)", process.stderr.readline()).group(1))
    echoes(port)

    with socket.create_connection(("127.0.0.1", port), timeout=30) as browser:
        browser.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert is_ended(browser)
    echoes(port)

    with socket.create_connection(("127.0.0.1", port), timeout=30) as rude:
        rude.sendall(frame(b"half a message")[:7])
        rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    echoes(port)

    with socket.create_connection(("127.0.0.1", port), timeout=30) as silent:  # ten seconds at most
        assert is_ended(silent)
    echoes(port)

    with socket.create_connection(("127.0.0.1", port), timeout=30) as waiting:
        waiting.sendall(frame(b"here"))
        assert waiting.makefile("rb").read(8) == frame(b"here")
        process.send_signal(signal.SIGINT)
        assert is_ended(waiting)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0, process.returncode
    for words in ('the text "GET "', "connection reset", "deadline exceeded", "cancelled"):
        assert words in said, f"no {words!r} in:\n{said}"
finally:
    process.kill()
print("whatever a client does, the next one is served")
