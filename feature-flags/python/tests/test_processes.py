"""Threads, memory, forks, the end of the process, and the wheel."""

import glob
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import pytest

import hog_feature_flags
from conftest import TESTS, Wire, document, flag, prop, run


def heavy_flags():
    """Flags that take far longer to evaluate than their results take to become dicts."""
    groups = [{"properties": [prop("text", "([a-z]+ ){%d}[0-9]$" % (i + 2), "regex")]} for i in range(20)]
    return document({"key": "f", "filters": {"groups": groups}})


def calls_per_second(threads, seconds, call):
    """Lets threads call for so long; returns calls/s and how many processors the process was worth."""
    counts, start = [0] * threads, threading.Barrier(threads + 1)
    end = [0.0]

    def work(index):
        start.wait()
        while time.monotonic() < end[0]:
            call()
            counts[index] += 1

    workers = [threading.Thread(target=work, args=(i,)) for i in range(threads)]
    for worker in workers:
        worker.start()
    began, cpu = time.monotonic(), time.process_time()
    end[0] = began + seconds
    start.wait()
    for worker in workers:
        worker.join()
    took = time.monotonic() - began
    return sum(counts) / took, (time.process_time() - cpu) / took


def test_eight_evaluations_at_the_same_time(urls):
    """None of them returns before all have begun."""
    wire = Wire(urls[0])
    text, results = document(flag("f", prop("plan", "pro", "is_not"))), []

    def call():
        results.append(hog_feature_flags.evaluate_all_feature_flags_rust(wire.url, wire.url, *urls[2:], 1, 1, "nobody", text)[0])

    call()
    wire.hold()
    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert all([wire.held.acquire(timeout=4) for _ in threads])
    wire.release()
    for thread in threads:
        thread.join()
    assert results == [{"f": True}] * 9
    wire.cut()


def test_eight_threads_scale(urls):
    """Prints how far, beside hashlib, which does without the GIL too and shows what the machine has to give just now.

    The test before this one is what fails if they do not.
    """
    heavy, buffer, person = heavy_flags(), b"x" * 4_000_000, document(flag("f", prop("plan", "pro")))

    def scale(name, call):
        alone, one = calls_per_second(1, 0.5, call)
        together, all_ = calls_per_second(8, 0.5, call)
        print("%s: 1 thread %.0f calls/s on %.2f processors, 8 threads %.0f calls/s on %.2f: %.2f times" % (name, alone, one, together, all_, together / alone))
        return together / alone

    def evaluate(text, properties):
        return lambda: hog_feature_flags.evaluate_all_feature_flags_rust(*urls, 1, 1, "p1", text, person_property_overrides=properties)

    def floor():
        return scale("  hashlib", lambda: hashlib.sha256(buffer).digest())

    print("\n%d processors, load %.1f" % (os.cpu_count(), os.getloadavg()[0]))
    scale("with a person from the database", evaluate(person, {}))
    for _ in range(3):
        before, ratio, after = floor(), scale("the matcher alone", evaluate(heavy, {"text": "lorem ipsum " * 50})), floor()
        if min(before, after) > 1.6 and ratio > 1.2:  # the machine was ours
            break


def resident():
    """Memory of this process in MB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="there is no /proc")
def test_memory(urls):
    text = document(flag("on", payloads={"true": {"a": [1, 2, 3]}}), flag("off", prop("plan", "pro")))

    def call(i):
        hog_feature_flags.evaluate_all_feature_flags_rust(
            *urls, 1, 1, "u%d" % i, text, groups={"company": "acme"}, person_property_overrides={"plan": "free", "n": i}, flag_keys=["on", "off"])
        if i % 100 == 0:
            with pytest.raises(ValueError):
                hog_feature_flags.evaluate_all_feature_flags_rust(*urls, 1, 1, "u", '{"flags": %d}' % i)
        if i % 500 == 0:  # other definitions, which are kept
            hog_feature_flags.evaluate_all_feature_flags_rust(*urls, 1, 1, "u", document(flag("f%d" % i)))

    for i in range(20_000):
        call(i)
    before = resident()
    began = time.monotonic()
    for i in range(100_000):
        call(i)
    took = time.monotonic() - began
    after = resident()
    print("\n100,000 calls in %.1f s: resident %.1f MB before, %.1f MB after" % (took, before, after))
    assert after - before < 16


FORK = """if True:
    import os, sys, hog_feature_flags as h
    from conftest import document, flag, prop
    def ask():
        values = h.evaluate_all_feature_flags_rust(*sys.argv[2:], 1, 1, "p1", document(flag("f", prop("plan", "x", "is_not"))))[0]
        print("parent" if os.getpid() == parent else "child", values, flush=True)
    parent = os.getpid()
    h.configure(max_connections=2)
    if sys.argv[1] == "late":
        ask()
    for _ in range(2):
        pid = os.fork()
        if pid == 0:
            try:
                ask()
                h.close()
            except RuntimeError as e:
                print("child", e, flush=True)
                h.close()
            sys.exit()  # with what atexit runs
        assert os.waitpid(pid, 0)[1] == 0
    ask()
"""


def test_fork_before_the_first_use(urls):
    assert run(FORK, "early", *urls).splitlines() == ["child {'f': True}"] * 2 + ["parent {'f': True}"]


def test_fork_after_the_first_use(urls):
    lines = run(FORK, "late", *urls).splitlines()
    assert lines[0] == lines[3] == "parent {'f': True}"
    assert lines[1] == lines[2] and lines[1].startswith("child hog_feature_flags was used before this process was forked")
    assert "after the fork" in lines[1]


def test_gunicorn(urls, tmp_path):
    """Two workers, forked from a process that has imported the application."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path / "log"
    with open(log, "w") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--preload", "--workers=2", "--bind=127.0.0.1:%d" % port, "--graceful-timeout=5", "app:application"],
            cwd=TESTS, env=dict(os.environ, HOG_URLS=json.dumps(urls)), stdout=output, stderr=output)
    try:
        seen, deadline = set(), time.monotonic() + 20
        while len(seen) < 2:
            assert time.monotonic() < deadline and server.poll() is None, log.read_text()
            try:
                with urllib.request.urlopen("http://127.0.0.1:%d/" % port, timeout=10) as response:
                    answer = json.load(response)
            except OSError:  # not there yet
                time.sleep(0.05)
                continue
            assert answer["flags"] == {"f": True}
            seen.add(answer["pid"])
        assert server.pid not in seen
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0, log.read_text()
    assert "Traceback" not in log.read_text()


def test_signals_still_reach_python(urls):
    out = run("""if True:
        import os, signal, sys, hog_feature_flags as h
        from conftest import document, flag
        ask = lambda: h.evaluate_all_feature_flags_rust(*sys.argv[1:], 1, 1, "u", document(flag("f")))
        ask()
        signal.signal(signal.SIGUSR1, lambda *_: print("usr1"))
        os.kill(os.getpid(), signal.SIGUSR1)
        ask()
        try:
            os.kill(os.getpid(), signal.SIGINT)
            ask()
        except KeyboardInterrupt:
            print("interrupted")
        r, w = os.pipe()
        os.close(r)
        try:
            os.write(w, b"x")
        except BrokenPipeError:
            print("broken pipe")
    """, *urls)
    assert out.split("\n") == ["usr1", "interrupted", "broken pipe", ""]


def interpreters():
    """This Python, and the oldest and newest of those that pyenv has."""
    def version(path):
        return tuple(int(part) for part in path.split(os.sep)[-3].split(".")[:2] if part.isdigit())

    others = sorted((p for p in glob.glob(os.path.expanduser("~/.pyenv/versions/3.*/bin/python3")) if version(p) >= (3, 8)), key=version)
    return list(dict.fromkeys([sys.executable] + others[:1] + others[-1:]))


def test_wheel(urls, tmp_path):
    """A wheel that is built here works in a new environment, without Go."""
    package = os.path.dirname(TESTS)
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), package],
                   check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    (wheel,) = glob.glob(str(tmp_path / "*.whl"))
    name = os.path.basename(wheel)
    assert name.startswith("hog_feature_flags-0.1.0-py3-none-") and not name.endswith("-any.whl")
    print("\n%s: %.1f MB" % (name, os.path.getsize(wheel) / 1e6))
    for index, python in enumerate(interpreters()):
        home = tmp_path / ("venv%d" % index)
        subprocess.run([python, "-m", "venv", "--without-pip", str(home)], check=True)
        inside = str(home / "bin" / "python")
        site = run("import site; print(site.getsitepackages()[0])", python=inside, env={}).strip()
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", site, wheel], check=True)
        out = run("""if True:
            import json, sys, shutil, hog_feature_flags, posthog_feature_flags_rs
            assert shutil.which("go") is None
            assert hog_feature_flags.__file__.startswith(sys.prefix)
            flags = json.dumps({"flags": [{"id": 1, "key": "f", "active": True, "filters": {"groups": [{"properties": [{"key": "plan", "value": "pro", "type": "person"}]}]}}]})
            print(sys.version.split()[0], posthog_feature_flags_rs.evaluate_all_feature_flags_rust(*sys.argv[1:], 1, 1, "u", flags, person_property_overrides={"plan": "pro"})[0])
        """, *urls, python=inside, env={"PATH": "/nowhere"}, cwd=str(tmp_path))
        print("without Go, Python", out.strip())
        assert out.endswith(" {'f': True}\n")
        assert os.path.exists(os.path.join(site, "hog_feature_flags", "py.typed"))
