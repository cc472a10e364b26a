#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""first_server.py first_server

The README's first server among strangers: whatever a client does, the next one is served, and Ctrl-C ends it.
"""
import signal
import socket
import struct
import sys

sys.dont_write_bytecode = True  # the folder is the source's
from python_peer import EchoServer, frame, is_ended, receive_frame


def echoes(server):
    with server.connect() as peer:
        peer.sendall(frame(b"hello"))
        assert receive_frame(peer) == b"hello"


def use(server):
    echoes(server)
    with server.connect() as browser:
        browser.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert is_ended(browser)
    echoes(server)

    with server.connect() as rude:
        rude.sendall(frame(b"half a message")[:7])
        rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    echoes(server)

    with server.connect() as silent:  # ten seconds at most
        assert is_ended(silent)
    echoes(server)

    with server.connect() as waiting:
        waiting.sendall(frame(b"here"))
        assert receive_frame(waiting) == b"here"
        server.process.send_signal(signal.SIGINT)
        assert is_ended(waiting)
    said = server.stop()
    for words in ('the text "GET "', "connection reset", "deadline exceeded", "cancelled"):
        assert words in said, f"no {words!r} in:\n{said}"


with EchoServer(sys.argv[1]) as server:
    use(server)
print("whatever a client does, the next one is served")
