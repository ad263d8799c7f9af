"""Fixtures. The databases and the service are those that ../python_test.go has made: run the tests with go test."""

import json
import os
import socket
import subprocess
import sys
import threading

import pytest

import hog_feature_flags

TESTS = os.path.dirname(os.path.abspath(__file__))


def environment(name):
    value = os.environ.get(name)
    if not value:
        pytest.exit("%s is not set: run these tests with go test ./feature-flags/python" % name, 2)
    return value


@pytest.fixture(scope="session")
def cases():
    with open(environment("HOG_CASES"), encoding="utf-8") as file:
        return json.load(file)


@pytest.fixture(scope="session")
def urls():
    """The databases, in the order of the arguments."""
    return [environment("HOG_PERSONS_URL")] * 2 + [environment("HOG_MAIN_URL")] * 2


@pytest.fixture
def evaluate(urls):
    """Evaluates flags, given as the insides of objects, for the person u."""

    def call(*flags, **arguments):
        arguments.setdefault("distinct_id", "u")
        return hog_feature_flags.evaluate_all_feature_flags_rust(*arguments.pop("urls", urls), 1, 1, feature_flags_json=document(*flags), **arguments)

    return call


def document(*flags):
    return json.dumps({"flags": [dict({"id": i + 1, "team_id": 1, "active": True, "deleted": False, "version": 1}, **flag) for i, flag in enumerate(flags)]})


def flag(key, *properties, **filters):
    """Returns a flag with one condition."""
    return {"key": key, "filters": dict({"groups": [{"properties": list(properties)}]}, **filters)}


def prop(key, value, operator="exact", **more):
    return dict({"key": key, "type": "person", "value": value, "operator": operator}, **more)


def run(code, *arguments, **options):
    """Runs a program of ours and returns what it prints."""
    options.setdefault("env", dict(os.environ, PYTHONPATH=TESTS))
    done = subprocess.run([options.pop("python", sys.executable), "-c", code] + list(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, timeout=60, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Wire:
    """Goes to a server, until it is cut. Its threads are of this process: they cannot run while an evaluation holds the GIL."""

    def __init__(self, url):
        from urllib.parse import parse_qs, urlsplit, urlunsplit

        parts = urlsplit(url)
        host = parse_qs(parts.query).get("host", [parts.hostname])[0]
        self._target = host + "/.s.PGSQL.%d" % parts.port if host.startswith("/") else (host, parts.port)
        self._sockets, self._lock = set(), threading.Lock()
        self._open, self.held = threading.Event(), threading.Semaphore(0)
        self._open.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port = self._listener.getsockname()[1]
        who = parts.netloc.rpartition("@")[0]
        self.url = urlunsplit((parts.scheme, "%s@127.0.0.1:%d" % (who, self._port), parts.path, "sslmode=disable", ""))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener):
        while True:
            try:
                client = listener.accept()[0]
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX if isinstance(self._target, str) else socket.AF_INET)
            server.connect(self._target)
            with self._lock:
                self._sockets |= {client, server}
            for a, b, gate in (client, server, self._gate), (server, client, lambda: None):
                threading.Thread(target=self._copy, args=(a, b, gate), daemon=True).start()

    def _gate(self):
        if not self._open.is_set():
            self.held.release()
            self._open.wait()

    def hold(self):
        """Keeps what clients send from now on back, and counts them in held, until release is called."""
        self._open.clear()

    def release(self):
        self._open.set()

    @staticmethod
    def _copy(source, target, gate):
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    break
                gate()
                target.sendall(data)
        except OSError:
            pass
        for s in source, target:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for s in self._sockets:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                s.close()
            self._sockets.clear()

    def mend(self):
        self._listener = socket.create_server(("127.0.0.1", self._port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
