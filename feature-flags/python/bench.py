"""Prints how many evaluations a second the package does, the service over HTTP, and the local evaluator of posthog-python.

bin/bench flags-python runs it, with databases, a service and definitions.
"""

import http.client
import json
import os
import threading
import time
from urllib.parse import urlsplit

import posthog

import hog_feature_flags

SECONDS, ROUNDS = float(os.environ.get("HOG_BENCH_SECONDS", "1")), 3
URLS = [os.environ["HOG_PERSONS_URL"]] * 2 + [os.environ["HOG_MAIN_URL"]] * 2


def package(document, send):
    text = json.dumps({"flags": document["flags"]})

    def call(person):
        return hog_feature_flags.evaluate_all_feature_flags_rust(
            *URLS, 1, 1, person["id"], text, person_property_overrides=person["properties"] if send else None)[0]

    return lambda: call


def service(document, send):
    keys = [flag["key"] for flag in document["flags"]]

    def connect():
        connection = http.client.HTTPConnection(urlsplit(os.environ["HOG_SERVICE_URL"]).netloc)

        def call(person):
            body = {"token": "phc_1", "distinct_id": person["id"], "flag_keys_to_evaluate": keys}
            if send:
                body["person_properties"] = person["properties"]
            connection.request("POST", "/flags?v=2", json.dumps(body), {"Content-Type": "application/json", "User-Agent": "posthog-python/7.0.0"})
            flags = json.loads(connection.getresponse().read())["flags"]
            return {key: f["enabled"] if f["variant"] is None else f["variant"] for key, f in flags.items()}

        return call

    return connect


def local(document, send):
    client = posthog.Posthog("phc_1", host="http://127.0.0.1:1", secret_key="phs_unused", send=False, enable_local_evaluation=False)
    client.feature_flags, client.cohorts, client.group_type_mapping = document["flags"], document["cohorts"], {}

    def call(person):
        return client.get_all_flags(person["id"], person_properties=person["properties"], only_evaluate_locally=True)

    return lambda: call


def measure(connect, people, threads):
    """Returns calls/s, the best of some rounds."""
    best = 0.0
    for _ in range(ROUNDS):
        counts, start, end = [0] * threads, threading.Barrier(threads + 1), [0.0]

        def work(index):
            call = connect()
            call(people[index])
            start.wait()
            while time.perf_counter() < end[0]:
                call(people[(index + counts[index] * threads) % len(people)])
                counts[index] += 1

        workers = [threading.Thread(target=work, args=(i,)) for i in range(threads)]
        for worker in workers:
            worker.start()
        end[0] = time.perf_counter() + SECONDS + 0.5  # by then all have connected
        start.wait()
        began = time.perf_counter()
        for worker in workers:
            worker.join()
        best = max(best, sum(counts) / (time.perf_counter() - began))
    return best


def main():
    with open(os.environ["HOG_BENCH"], encoding="utf-8") as file:
        world = json.load(file)
    everything, people = world["document"], world["people"]
    no_cohorts = dict(everything, flags=[f for f in everything["flags"] if "cohort" not in json.dumps(f)])
    print("| calls/s | threads | package | service over HTTP | posthog-python, local |\n|---|---|---|---|---|")
    for name, document, send in (
        ("%d flags, properties in the call" % len(no_cohorts["flags"]), no_cohorts, True),
        ("%d flags with cohorts, the person from PostgreSQL" % len(everything["flags"]), everything, False),
    ):
        contenders = [package(document, send), service(document, send), local(document, send)]
        answers = [contender()(people[0]) for contender in contenders]
        assert answers[0] == answers[1] == answers[2], answers
        for threads in 1, 8:
            rates = ["%.0f" % measure(contender, people, threads) for contender in contenders]
            if not send:
                rates[2] += " (with the properties in the call)"
            print("| %s | %d | **%s** | %s | %s |" % (name, threads, *rates), flush=True)


main()
