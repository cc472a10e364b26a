#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""protocols.py redis|postgres|mqtt|smtp|http_get program

Runs an example of examples/protocols against the real server, and compares what it says with what the server has.
Each server is on a port of 127.0.0.1, in a temporary folder of its own. Debian: redis-server, postgresql, mosquitto,
python3-aiosmtpd. Without the server it is skipped (status 77), and in CI it fails.
"""
import contextlib
import glob
import os
import pwd
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True  # the folder is the source's
SKIPPED = 77


def skip(reason):
    if os.environ.get("CI"):
        sys.exit(f"not in CI: {reason}")
    print(f"SKIPPED: {reason}")
    sys.exit(SKIPPED)


def program(name, *folders):
    """A server's program, also where only root's PATH has it."""
    found = shutil.which(name, path=os.pathsep.join([*folders, os.environ["PATH"], "/usr/sbin"]))
    return found or skip(f"{name} is not installed")


def free_port():
    """One that is not among those that the system chooses for others."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return str(port)


def ends_with_us(user=None):
    """What in front of a command lets it end with this process, however that ends, and run as another user."""
    if not shutil.which("setpriv"):
        return []
    return ["setpriv", "--pdeathsig", "TERM", *(["--reuid", user, "--regid", user, "--clear-groups"] if user else [])]


def is_listening(process, port):
    """Waits until the server takes connections; false where it has ended instead."""
    until = time.monotonic() + 60
    while process.poll() is None:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=30).close()
            return True
        assert time.monotonic() < until, f"nothing listens on port {port} after a minute"
        time.sleep(0.01)
    return False


@contextlib.contextmanager
def serving(command, folder, user=None, env=None):
    """The port of a server: command(port) starts it. It is killed at the end; another port where that one was taken."""
    log = os.path.join(folder, "log")
    for _ in range(5):
        port = free_port()
        with open(log, "wb") as output:
            process = subprocess.Popen([*ends_with_us(user), *command(port)], stdin=subprocess.DEVNULL, stdout=output,
                                       stderr=output, cwd=folder, env={**os.environ, **(env or {})})
        try:
            if is_listening(process, port):
                yield port
                return
        finally:
            end(process)
    with open(log, errors="replace") as said:
        sys.exit(f"the server does not start: {said.read()}")


def end(process):
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def run(*command, input=b"", stdout=subprocess.PIPE):
    done = subprocess.run(command, input=input, stdout=stdout, stderr=subprocess.PIPE, timeout=60)
    return done.returncode, done.stdout, re.sub(rb"\[\w+\] connected to .*\n", b"", done.stderr).decode()


def output_of(*command, input=b""):
    status, output, said = run(*command, input=input)
    assert status == 0 and not said, f"{command[:4]} ended with {status}: {said}"
    return output


def fails_with(words, *command, stdout=subprocess.PIPE):
    """The command fails with one sentence, which has those words."""
    status, _, said = run(*command, stdout=stdout)
    assert status == 1 and words in said and said.count("\n") == 1, f"{command[:4]} ended with {status}: {said!r}"


def test_redis(client, folder):
    server, path = program("redis-server"), os.path.join(folder, "value")
    large = random.Random(1).randbytes(10_000_000) + b"\r\n+OK\r\n$-1\r\n" + random.Random(2).randbytes(10_000_000)
    with serving(lambda port: [server, "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", folder],
                 folder) as port:
        for value in (large, b"", b"\r\n"):
            with open(path, "wb") as file:
                file.write(value)
            assert output_of(client, "127.0.0.1", port, path) == b"ok %d bytes\n" % len(value)
            got = output_of(program("redis-cli"), "-p", port, "--raw", "GET", "sockboot")
            assert got == value + b"\n", f"Redis has {len(got) - 1} bytes, not {len(value)}"
        output_of(program("redis-cli"), "-p", port, "CONFIG", "SET", "requirepass", "secret")
        fails_with("Redis said -NOAUTH", client, "127.0.0.1", port, path)


def test_postgres(client, folder):
    versions = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(re.sub(r"\D", "", path)))
    initdb, postgres = (program(name, *versions[-1:]) for name in ("initdb", "postgres"))
    user = None
    if os.geteuid() == 0:  # which PostgreSQL refuses to run as
        user = "postgres"
        try:
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
        except KeyError:
            skip("there is no user postgres")
    data = os.path.join(folder, "data")
    subprocess.run([*ends_with_us(user), initdb, "-D", data, "-A", "trust", "-U", "postgres", "-N", "-E", "UTF8",
                    "--locale=C"], stdout=subprocess.DEVNULL, check=True, cwd=folder, timeout=60)
    with open(os.path.join(data, "pg_hba.conf"), "r+") as file:  # the first line that fits is followed
        others = file.read()
        file.seek(0)
        file.write("host all guarded 127.0.0.1/32 password\n" + others)

    def command(port):
        return [postgres, "-D", data, "-p", port, "-h", "127.0.0.1", "-k", folder, "-F"]

    with serving(command, folder, user) as port:
        def rows(query):
            return output_of(client, "127.0.0.1", port, "postgres", query).decode()

        while "starting up" in run(client, "127.0.0.1", port, "postgres", "SELECT 1")[2]:
            time.sleep(0.01)
        assert rows("SELECT 1, 'two', NULL, ''") == "1\ttwo\t\t\n"
        assert rows("SELECT 1 WHERE false") == ""
        assert rows("CREATE TABLE t (i int, b text); INSERT INTO t SELECT i, repeat('x', i) FROM generate_series(1, 1000) i;"
                    "SELECT * FROM t ORDER BY i") == "".join(f"{i}\t{'x' * i}\n" for i in range(1, 1001))
        assert rows("SELECT repeat('y', 5000000)") == "y" * 5_000_000 + "\n"
        fails_with('relation "nowhere" does not exist', client, "127.0.0.1", port, "postgres", "SELECT * FROM nowhere")
        fails_with('role "nobody" does not exist', client, "127.0.0.1", port, "nobody", "SELECT 1")
        fails_with("PostgreSQL wants a password", client, "127.0.0.1", port, "guarded", "SELECT 1")


def test_mqtt(client, folder):
    server, config = program("mosquitto"), os.path.join(folder, "mosquitto.conf")

    def broker(anonymous):
        def command(port):
            with open(config, "w") as file:
                file.write(f"listener {port} 127.0.0.1\nallow_anonymous {anonymous}\nuser root\n")
            return [server, "-c", config]

        return serving(command, folder)

    with broker("true") as port:
        for payload in ("", "hello", "x" * 127, "y" * 128, "z" * 16_384, "".join(map(str, range(20_000)))):
            assert output_of(client, "127.0.0.1", port, "a/topic", payload).decode() == payload + "\n"
        # Several topics can be subscribed to, and not published to.
        fails_with("the broker has closed the connection", client, "127.0.0.1", port, "a/#", "hello")
    with broker("false") as port:
        fails_with("the broker refuses the connection", client, "127.0.0.1", port, "a/topic", "hello")


class StoreMail:
    """What aiosmtpd does with a mail: the bytes as they came go to a file, and one recipient is refused."""

    @classmethod
    def from_cli(cls, parser, path):
        handler = cls()
        handler.path = path
        return handler

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address == "nobody@example.org":
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        with open(self.path, "wb") as file:
            file.write(f"{envelope.mail_from} {' '.join(envelope.rcpt_tos)}\n".encode() + envelope.original_content)
        return "250 stored"


def python_with(module):
    for python in (sys.executable, "/usr/bin/python3"):
        if os.access(python, os.X_OK) and subprocess.run([python, "-c", f"import {module}"],
                                                         stderr=subprocess.DEVNULL).returncode == 0:
            return python
    skip(f"{module} is not installed")


def test_smtp(client, folder):
    python, path = python_with("aiosmtpd"), os.path.join(folder, "mail")

    def command(port):
        return [python, "-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{port}", "-c", "protocols.StoreMail", path]

    with serving(command, folder, env={"PYTHONPATH": os.path.dirname(os.path.abspath(__file__)),
                                       "PYTHONDONTWRITEBYTECODE": "1"}) as port:
        def to(recipient):
            return client, "127.0.0.1", port, "you@example.org", recipient

        lines = [b"Subject: dots", b"", b".", b"..", b".a line", b"", b"the last", *(b"line %d" % i for i in range(20_000))]
        for line_end in (b"\n", b"\r\n"):
            mail = b"".join(line + line_end for line in lines)
            output_of(*to("me@example.org"), input=mail)
            with open(path, "rb") as file:
                assert file.readline() == b"you@example.org me@example.org\n"
                assert file.read() == b"".join(line + b"\r\n" for line in lines)
            os.remove(path)
        fails_with("the mail server said 550 no such mailbox", *to("nobody@example.org"))
        fails_with("holds its own delimiter", *to("me@example.org>\r\nQUIT"))
        assert not os.path.exists(path)


def test_http_get(client, folder):
    site = os.path.join(folder, "site")
    os.mkdir(site)
    for name, size in (("empty", 0), ("small", 1), ("large", 3_000_000)):
        with open(os.path.join(site, name), "wb") as file:
            file.write(random.Random(size).randbytes(size))
    with serving(lambda port: [sys.executable, "-m", "http.server", port, "--bind", "127.0.0.1", "--directory", site],
                 folder) as port:
        for name in ("empty", "small", "large"):
            with open(os.path.join(site, name), "rb") as file:
                assert output_of(client, "127.0.0.1", port, "/" + name) == file.read()
        fails_with("the web server said HTTP/1.0 404", client, "127.0.0.1", port, "/nowhere")
        with open("/dev/full", "wb") as full:
            for name in ("small", "large"):  # lost at the very end, or on the way
                fails_with("cannot write to standard output", client, "127.0.0.1", port, "/" + name, stdout=full)
    answers_by_hand(client)


def answers_by_hand(client):
    """What http.server does not say by itself."""
    head, body = b"HTTP/1.1 200 OK\r\n", b"\r\nno line\r\n\0" * 100_000
    with answering(head + b"\r\n" + body) as port:
        assert output_of(client, "127.0.0.1", port, "/") == body
    with answering(head + b"content-LENGTH:5\r\n\r\n12345 and more") as port:
        assert output_of(client, "127.0.0.1", port, "/") == b"12345"
    with answering(head + b"Content-Length: 5\r\n\r\n123") as port:
        fails_with("3 of 5 bytes", client, "127.0.0.1", port, "/")
    with answering(head + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n") as port:
        fails_with("cannot read a body with transfer-encoding: chunked", client, "127.0.0.1", port, "/")
    with answering(head + b"Content-Length: 5\r\n") as port:
        fails_with("inside the header", client, "127.0.0.1", port, "/")


@contextlib.contextmanager
def answering(answer):
    """The port of a server with one answer to one client."""
    def answer_one():
        peer, _ = listener.accept()
        with peer, contextlib.suppress(ConnectionError):
            request = b""
            while not request.endswith(b"\r\n\r\n"):
                request += peer.recv(4096)
            peer.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer_one, daemon=True)
        thread.start()
        yield str(listener.getsockname()[1])
        thread.join(timeout=30)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # so that the server is ended, too
    with tempfile.TemporaryDirectory() as own_folder:
        globals()[f"test_{sys.argv[1]}"](sys.argv[2], own_folder)
    print(f"{sys.argv[1]}: the example and the real server understand each other")
