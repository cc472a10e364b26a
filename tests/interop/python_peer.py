#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""python_peer.py echo_server echo_client

Speaks sockboot's frames with Python's socket and struct alone: as a client of echo_server, as the server of
echo_client, and as the peers that break the rules.
"""
import os
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading


def frame(message):
    return struct.pack(">I", len(message)) + message


def receive(peer, count):
    parts = bytearray()
    while len(parts) < count:
        part = peer.recv(count - len(parts))
        if not part:
            raise EOFError(f"{len(parts)} of {count} bytes")
        parts += part
    return bytes(parts)


def receive_frame(peer):
    return receive(peer, struct.unpack(">I", receive(peer, 4))[0])


def payload(size):
    return random.Random(size).randbytes(size)


def is_ended(peer):
    """Whether the peer has closed, also by a reset, without an answer."""
    try:
        return peer.recv(1) == b""
    except ConnectionResetError:
        return True


class EchoServer:
    """A C++ server, on a free port."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.port = int(re.search(r"listening on 127\.0\.0\.1:(\d+)", self.process.stderr.readline()).group(1))

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        _, complaints = self.process.communicate(timeout=30)
        assert self.process.returncode == 0, f"the server ended with {self.process.returncode}"
        return complaints


def echoes_every_size(server):
    with server.connect() as peer:
        for size in (0, 1, 127, 128, 255, 256, 65535, 65536, 65537, 1 << 20, 16 << 20):
            sender = threading.Thread(target=peer.sendall, args=(frame(payload(size)),))
            sender.start()
            assert receive_frame(peer) == payload(size), size
            sender.join()


def echoes_whatever_the_cut(server):
    with server.connect() as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = frame(b"one") + frame(b"") + frame(b"three")
        for byte in stream:
            peer.sendall(bytes([byte]))
        peer.sendall(stream)
        for expected in (b"one", b"", b"three") * 2:
            assert receive_frame(peer) == expected


def answers_after_half_close(server):
    with server.connect() as peer:
        peer.sendall(frame(b"last words"))
        peer.shutdown(socket.SHUT_WR)
        assert receive_frame(peer) == b"last words"
        assert peer.recv(1) == b""


def closes_on(server, garbage):
    with server.connect() as peer:
        try:
            peer.sendall(garbage)
            peer.shutdown(socket.SHUT_WR)
            assert peer.recv(1) == b""
        except TimeoutError:
            raise
        except OSError:
            pass  # the server had closed without reading the rest: a reset, also before the shutdown


def turns_away_the_257th(server):
    peers = [server.connect() for _ in range(256)]
    for peer in peers:  # each has its thread by now
        peer.sendall(frame(b"here"))
        assert receive_frame(peer) == b"here"
    with server.connect() as one_too_many:
        assert is_ended(one_too_many)
    for peer in peers:
        peer.sendall(frame(b"still here"))
        assert receive_frame(peer) == b"still here"
        peer.close()


def test_server(program):
    for use in (obeys_the_rules, turns_away):
        server = EchoServer(program, "127.0.0.1", "0")
        try:
            use(server)
        finally:
            server.process.kill()  # a server that outlives a failure would keep ctest waiting


def turns_away(server):
    turns_away_the_257th(server)
    assert "turned away: there are too many clients" in server.stop()


def obeys_the_rules(server):
    echoes_every_size(server)
    echoes_whatever_the_cut(server)
    answers_after_half_close(server)
    closes_on(server, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    closes_on(server, struct.pack("<I", 5) + b"hello")
    closes_on(server, struct.pack(">I", 9) + b"four")
    closes_on(server, b"\x16\x03\x01\x02\x00\x01\x00")
    with server.connect():  # one that is still there when Ctrl-C comes
        complaints = server.stop()
    for words in ('the text "GET "', "little-endian", "4 of 9 bytes", "TLS"):
        assert words in complaints, f"no {words!r} in:\n{complaints}"


def serve_one(listener, messages):
    peer, _ = listener.accept()
    with peer:
        try:
            while True:
                messages.append(receive_frame(peer))
                peer.sendall(frame(messages[-1]))
        except EOFError:
            pass


def test_client(program):
    with socket.create_server(("127.0.0.1", 0)) as listener, tempfile.TemporaryDirectory() as folder:
        port = str(listener.getsockname()[1])
        path = os.path.join(folder, "file")
        with open(path, "wb") as file:
            file.write(payload(200_000))
        messages = []
        server = threading.Thread(target=serve_one, args=(listener, messages))
        server.start()
        echoed = subprocess.run([program, "127.0.0.1", port, path], stdout=subprocess.PIPE, check=True, timeout=60).stdout
        server.join()
        assert echoed == payload(200_000)
        assert [len(message) for message in messages] == [65536, 65536, 65536, 200_000 - 3 * 65536]

        server = threading.Thread(target=serve_one, args=(listener, messages := []))
        server.start()
        lines = subprocess.run([program, "127.0.0.1", port], input=b"one\n\nthree\n", stdout=subprocess.PIPE, check=True, timeout=60)
        server.join()
        assert lines.stdout == b"one\n\nthree\n" and messages == [b"one", b"", b"three"]


def fails_with(words, *command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1, f"{command} ended with {done.returncode}"
    assert words in done.stderr and done.stderr.count("\n") == 1, f"{command} said {done.stderr!r}"


def test_lost_output(client):
    """What could not be written is no success; Ctrl-C ends a client that waits for its standard input."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])

        def run(**how):
            server = threading.Thread(target=serve_one, args=(listener, []))
            server.start()
            done = subprocess.run([client, "127.0.0.1", port], input=b"lost\n", stderr=subprocess.PIPE, timeout=60, **how)
            server.join()
            return done

        with open("/dev/full", "wb") as full:
            done = run(stdout=full)
        assert done.returncode == 1 and b"cannot write to standard output" in done.stderr, done
        done = run(preexec_fn=lambda: os.close(1))
        assert done.returncode == 1 and b"cannot write to standard output" in done.stderr, done

        server = threading.Thread(target=serve_one, args=(listener, messages := []))
        server.start()
        waiting = subprocess.Popen([client, "127.0.0.1", port], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        waiting.stdin.write(b"one\n")
        waiting.stdin.flush()
        assert waiting.stdout.readline() == b"one\n"
        waiting.send_signal(signal.SIGINT)
        waiting.communicate(timeout=30)
        server.join()
        assert waiting.returncode == -signal.SIGINT and messages == [b"one"], waiting.returncode


def test_complaints(server, client):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        fails_with("is another server listening there?", server, "127.0.0.1", port)
    fails_with("is the server running", client, "127.0.0.1", port)
    for program in (server, client):
        fails_with("a port is a number from 0 to 65535", program, "localhost", "65536")
        fails_with("a port is a number from 0 to 65535", program, "localhost", "http")
        fails_with("host not found", program, "nosuch.invalid", "1")
        usage = subprocess.run([program, "--help"], stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout
        assert usage.startswith("usage: ")


if __name__ == "__main__":
    test_server(sys.argv[1])
    test_client(sys.argv[2])
    test_lost_output(sys.argv[2])
    test_complaints(sys.argv[1], sys.argv[2])
    print("python and sockboot understand each other")
