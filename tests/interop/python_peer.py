#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""python_peer.py echo_server echo_client

Speaks sockboot's frames with Python's socket and struct alone: as a client of echo_server, as the server of
echo_client, and as the peers that break the rules.
"""
import os
import random
import re
import resource
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
    """A C++ server, on a free port; killed at the end, since one that outlives a failure would keep ctest waiting."""

    def __init__(self, *command, preexec_fn=None):
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=preexec_fn)

    def __enter__(self):
        try:
            said = self.process.stderr.readline()
            listening = re.search(r"listening on 127\.0\.0\.1:(\d+)", said)
            assert listening, f"the server said {said!r}"
            self.port = int(listening.group(1))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

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
        with EchoServer(program, "127.0.0.1", "0") as server:
            use(server)
    if hasattr(resource, "prlimit"):
        goes_on_without_a_thread(program)
    else:
        print("not tried, since this system has no prlimit: a server that cannot make a thread")


def turns_away(server):
    turns_away_the_257th(server)
    assert "turned away: there are too many clients" in server.stop()


def goes_on_without_a_thread(program):
    """No room for the stack of a thread: its client is turned away, and the next one is served."""
    stack = 64 << 20

    def have_large_stacks():
        resource.setrlimit(resource.RLIMIT_STACK, (stack, resource.getrlimit(resource.RLIMIT_STACK)[1]))

    with EchoServer(program, "127.0.0.1", "0", preexec_fn=have_large_stacks) as server:
        process = server.process.pid
        with open(f"/proc/{process}/statm") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        _, most = resource.prlimit(process, resource.RLIMIT_AS)
        resource.prlimit(process, resource.RLIMIT_AS, (used + stack // 2, most))
        with server.connect() as turned_away:
            assert is_ended(turned_away)
        resource.prlimit(process, resource.RLIMIT_AS, (most, most))
        with server.connect() as peer:
            peer.sendall(frame(b"here"))
            assert receive_frame(peer) == b"here"
        said = server.stop()
        assert "is turned away: Resource temporarily unavailable" in said, said


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
        except (EOFError, ConnectionError):
            pass


def start_serving(listener, messages):
    """Serves one client, in a thread that a failure may leave behind."""
    thread = threading.Thread(target=serve_one, args=(listener, messages), daemon=True)
    thread.start()
    return thread


def test_client(program):
    with socket.create_server(("127.0.0.1", 0)) as listener, tempfile.TemporaryDirectory() as folder:
        port = str(listener.getsockname()[1])
        path = os.path.join(folder, "file")
        with open(path, "wb") as file:
            file.write(payload(200_000))
        server = start_serving(listener, messages := [])
        echoed = subprocess.run([program, "127.0.0.1", port, path], stdout=subprocess.PIPE, check=True, timeout=60).stdout
        server.join()
        assert echoed == payload(200_000)
        assert [len(message) for message in messages] == [65536, 65536, 65536, 200_000 - 3 * 65536]

        server = start_serving(listener, messages := [])
        lines = subprocess.run([program, "127.0.0.1", port], input=b"one\n\nthree\n", stdout=subprocess.PIPE, check=True, timeout=60)
        server.join()
        assert lines.stdout == b"one\n\nthree\n" and messages == [b"one", b"", b"three"]


def fails_with(words, *command, input="", stdout="read"):
    """The command fails with one sentence, which has those words; its standard output is read, full or closed."""
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, input=input, stderr=subprocess.PIPE, text=True, timeout=60,
                              stdout={"read": subprocess.PIPE, "full": full, "closed": None}[stdout],
                              preexec_fn=(lambda: os.close(1)) if stdout == "closed" else None)
    assert done.returncode == 1, f"{command} ended with {done.returncode}"
    said = re.sub(r"\[echo\] connected to .*\n", "", done.stderr)
    assert words in said and said.count("\n") == 1, f"{command} said {done.stderr!r}"


def test_lost_output(client):
    """What could not be written is no success, whatever the client reads and however its output was lost."""
    with socket.create_server(("127.0.0.1", 0)) as listener, tempfile.NamedTemporaryFile() as file:
        port = str(listener.getsockname()[1])
        for size in (5, 200_000):  # lost at the very end, or on the way
            file.truncate(size)
            for path in ((), (file.name,)):
                for closed in (False, True):  # closed: a file that is opened takes the number of standard output
                    server = start_serving(listener, [])
                    fails_with("cannot write to standard output", client, "127.0.0.1", port, *path,
                               input="x" * size, stdout="closed" if closed else "full")
                    server.join()
                    assert os.path.getsize(file.name) == size
        fails_with("cannot write to standard output", client, "--help", stdout="full")


def test_ctrl_c(client):
    """Ctrl-C ends a client that waits for its standard input."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = start_serving(listener, messages := [])
        command = [client, "127.0.0.1", str(listener.getsockname()[1])]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as waiting:
            try:
                waiting.stdin.write(b"one\n")
                waiting.stdin.flush()
                assert waiting.stdout.readline() == b"one\n"
                waiting.send_signal(signal.SIGINT)
                assert waiting.wait(timeout=30) == -signal.SIGINT
            finally:
                waiting.kill()
        server.join()
        assert messages == [b"one"]


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
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background of a shell ignores it
    test_server(sys.argv[1])
    test_client(sys.argv[2])
    test_lost_output(sys.argv[2])
    test_ctrl_c(sys.argv[2])
    test_complaints(sys.argv[1], sys.argv[2])
    print("python and sockboot understand each other")
