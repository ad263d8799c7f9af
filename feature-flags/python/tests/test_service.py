"""The package says what the service says."""

import http.client
import json
import os
from urllib.parse import urlsplit

import hog_feature_flags


def ask_service(connection, body):
    connection.request("POST", "/flags?v=2", json.dumps(body), {"Content-Type": "application/json", "User-Agent": "posthog-python/7.0.0"})
    response = connection.getresponse()
    text = response.read()
    assert response.status == 200, text
    answer = json.loads(text)
    values, reasons, payloads, details = {}, {}, {}, {}
    for key, f in answer["flags"].items():
        reason = {"reason": f["reason"]["code"], "condition_index": f["reason"]["condition_index"]}
        payload = f["metadata"]["payload"]
        values[key] = f["enabled"] if f["variant"] is None else f["variant"]
        reasons[key] = reason
        if payload is not None:
            payloads[key] = payload
        details[key] = {
            "match": dict(reason, match=f["enabled"], variant=f["variant"], payload=payload),
            "id": f["metadata"]["id"], "version": f["metadata"]["version"], "description": f["metadata"]["description"],
        }
    return values, reasons, payloads, answer["errorsWhileComputingFlags"], details


def ask_package(urls, document, q):
    return hog_feature_flags.evaluate_all_feature_flags_rust(
        *urls, team_id=1, project_id=1, distinct_id=q["distinct_id"], feature_flags_json=document, groups=q["groups"],
        person_property_overrides=q["person_properties"], group_property_overrides=q["group_properties"],
        hash_key_override=q.get("$anon_distinct_id"), flag_keys=q.get("flag_keys_to_evaluate"))


def test_equal_to_the_service(cases, urls):
    document = json.dumps({"flags": cases["flags"]})
    connection = http.client.HTTPConnection(urlsplit(os.environ["HOG_SERVICE_URL"]).netloc)
    seen, errors = set(), 0
    for i, q in enumerate(cases["questions"]):
        # Who asks first writes the overrides of experience continuity.
        ours = ask_package(urls, document, q) if i % 2 else None
        theirs = ask_service(connection, dict(q, token="phc_1"))
        ours = ours or ask_package(urls, document, q)
        assert ours == theirs, q
        # What compares equal in Python, and is not the same.
        assert {k: type(v) for k, v in ours[0].items()} == {k: type(v) for k, v in theirs[0].items()}, q
        seen |= {(r["reason"], type(ours[0][key]).__name__) for key, r in ours[1].items()}
        errors += ours[3]
    print("\n%d cases are equal, %d of them with errors; reasons and types of values: %s" % (len(cases["questions"]), errors, sorted(seen)))
    assert {reason for reason, _ in seen} >= {
        "condition_match", "no_condition_match", "out_of_rollout_bound", "holdout_condition_value", "super_condition_value", "no_group_type",
        "targeting_match", "rollout_miss"}
