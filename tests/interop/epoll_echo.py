#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""epoll_echo.py epoll_echo

The README's loop on epoll among strangers: every size and cut comes back, a client that does not read holds up nobody,
and whatever a client does, the next one is served.
"""
import socket
import struct
import sys

sys.dont_write_bytecode = True  # the folder is the source's
from python_peer import EchoServer, echoes_every_size, echoes_whatever_the_cut, frame, is_ended, payload, receive_frame


def use(server):
    echoes_every_size(server)
    echoes_whatever_the_cut(server)
    with server.connect() as deaf, server.connect() as other:
        deaf.settimeout(0.2)
        try:
            while True:
                deaf.sendall(frame(payload(1 << 20)))
        except TimeoutError:
            pass  # it takes no more until somebody reads
        other.sendall(frame(b"meanwhile"))
        assert receive_frame(other) == b"meanwhile"
        deaf.settimeout(30)
        assert receive_frame(deaf) == payload(1 << 20)
    with server.connect() as browser:
        browser.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert is_ended(browser)
    with server.connect() as rude:
        rude.sendall(frame(b"half a message")[:7])
        rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    echoes_whatever_the_cut(server)


with EchoServer(sys.argv[1], "0") as server:
    use(server)
print("whatever a client does, the loop goes on")
