"""What becomes of failures of the databases, and of their connections."""

import logging
import os
import pickle
import threading
import time

import pytest

import hog_feature_flags
from conftest import Wire, flag, prop, run

POOLS = ["persons reader", "persons writer", "non-persons reader", "non-persons writer"]
NEEDS_PERSON = flag("f", prop("plan", "pro"))


@pytest.mark.parametrize("index, pool", list(enumerate(POOLS)))
@pytest.mark.parametrize("url", ["postgres://u:secret@127.0.0.1:1/db", "mysql://u:secret@host/db", ""])
def test_the_first_use_names_the_pool(evaluate, urls, url, index, pool):
    mine = list(urls)
    mine[index] = url
    with pytest.raises(RuntimeError) as raised:
        evaluate(flag("f"), urls=mine)
    assert str(raised.value).startswith("Failed to create %s pool: " % pool)
    assert "secret" not in str(raised.value)
    assert isinstance(raised.value, hog_feature_flags.DatabaseError) and raised.value.pool == pool
    copy = pickle.loads(pickle.dumps(raised.value))
    assert (str(copy), copy.pool) == (str(raised.value), pool)


def test_a_server_that_goes_and_comes_back(evaluate, urls):
    persons = Wire(urls[0])
    mine = [persons.url, persons.url] + urls[2:]
    assert evaluate(NEEDS_PERSON, urls=mine)[3] is False
    persons.cut()
    assert evaluate(NEEDS_PERSON, urls=mine, person_property_overrides={"plan": "pro"})[0] == {"f": True}, "nothing has to be read"
    with pytest.raises(hog_feature_flags.DatabaseError) as raised:
        evaluate(NEEDS_PERSON, urls=mine)
    assert str(raised.value).startswith("Failed to use persons reader pool: ") and raised.value.pool == "persons reader"
    persons.mend()
    assert evaluate(NEEDS_PERSON, urls=mine)[3] is False
    persons.cut()


def test_a_writer_that_is_gone(evaluate, urls):
    writer = Wire(urls[1])
    mine = [urls[0], writer.url] + urls[2:]
    continuity = dict(flag("kept"), ensure_experience_continuity=True)
    continuity["filters"]["groups"][0]["rollout_percentage"] = 50
    ask = dict(urls=mine, distinct_id="p1", hash_key_override="somebody new")
    assert evaluate(NEEDS_PERSON, urls=mine)[3] is False
    writer.cut()
    assert evaluate(NEEDS_PERSON, urls=mine)[3] is False
    with pytest.raises(hog_feature_flags.DatabaseError) as raised:
        evaluate(continuity, **ask)
    assert raised.value.pool == "persons writer"
    writer.mend()
    assert evaluate(continuity, **ask)[3] is False
    writer.cut()


def test_a_statement_that_fails(evaluate, urls, caplog):
    empty = os.environ["HOG_EMPTY_URL"]
    with caplog.at_level(logging.WARNING, "hog_feature_flags"):
        values, reasons, _, errors, details = evaluate(NEEDS_PERSON, flag("free"), urls=[empty, empty] + urls[2:])
    assert values == {"f": False, "free": True} and errors is True
    assert reasons["f"] == {"reason": "database_error", "condition_index": None}
    assert details["f"]["match"]["match"] is False
    assert "persons reader pool" in caplog.text and "posthog_persondistinctid" in caplog.text


def test_what_is_read_of_the_team(evaluate, urls, caplog):
    with caplog.at_level(logging.WARNING, "hog_feature_flags"):
        cohort = flag("in", prop("id", 2, "in", type="cohort"))
        values, _, _, errors, _ = evaluate(flag("free"), cohort, urls=urls[:2] + [os.environ["HOG_EMPTY_URL"]] * 2)
    assert values == {"free": True, "in": False} and errors is True
    assert "time zone of team 1" in caplog.text and "posthog_cohort" in caplog.text


def test_close(evaluate, urls):
    expected = evaluate(NEEDS_PERSON)
    stop, failures = threading.Event(), []

    def work():
        while not stop.is_set():
            try:
                if evaluate(NEEDS_PERSON) != expected:
                    failures.append("another result")
            except Exception as e:
                failures.append(e)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        time.sleep(0.02)
        hog_feature_flags.close()
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    hog_feature_flags.close()
    hog_feature_flags.close()


def test_configure(urls):
    out = run("""if True:
        import sys, hog_feature_flags as h
        from conftest import document, flag, prop
        for bad in dict(max_connections=0), dict(cache_ttl=-1), dict(cache_ttl=float("nan")):
            try: h.configure(**bad)
            except ValueError as e: print(e)
        for bad in dict(max_connections=2.5), dict(cache_ttl="60"):
            try: h.configure(**bad)
            except TypeError as e: print(e)
        h.configure(max_connections=1, cache_ttl=0)
        ask = lambda: h.evaluate_all_feature_flags_rust(*sys.argv[1:], 1, 1, "u", document(flag("f", prop("id", 2, "not_in", type="cohort"))))
        assert ask() == ask()
        try: h.configure()
        except RuntimeError as e: print(e)
        h.close()
        h.configure(cache_ttl=1)
        assert ask() == ask()
    """, *urls)
    assert out.splitlines() == [
        "max_connections is 0: it must be between 1 and 10000", "cache_ttl is -1: it must be between 0 and 86400 seconds",
        "cache_ttl is nan: it must be between 0 and 86400 seconds",
        "max_connections must be an int, not float", "cache_ttl must be a float, not str",
        "configure comes too late: call it before the first evaluation, or after close"]
