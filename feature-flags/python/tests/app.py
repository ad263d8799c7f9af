"""A web application for the test of gunicorn."""

import json
import os

from posthog_feature_flags_rs import evaluate_all_feature_flags_rust

FLAGS = json.dumps({"flags": [{"id": 1, "key": "f", "active": True, "version": 1, "filters": {"groups": [{"properties": []}]}}]})


def application(environ, start_response):
    values = evaluate_all_feature_flags_rust(*json.loads(os.environ["HOG_URLS"]), 1, 1, "u", FLAGS)[0]
    start_response("200 OK", [("Content-Type", "application/json"), ("Connection", "close")])
    return [json.dumps({"pid": os.getpid(), "flags": values}).encode()]
