"""Sends one event of each kind through posthog-python to the host given as argument."""
import datetime
import sys

from posthog import Posthog


def main(host: str) -> None:
    failures = []
    client = Posthog("phc_python", host=host, gzip=True, max_retries=1, on_error=lambda error, _batch: failures.append(error))
    client.capture(
        "python event",
        distinct_id="python-user",
        properties={"answer": 42, "text": 'a "quoted" – text\n', "nested": {"list": [1, 2.5, None, True]}},
        timestamp=datetime.datetime(2023, 1, 1, 10, 0, 0, 123000, tzinfo=datetime.timezone.utc),
    )
    client.set(distinct_id="python-user", properties={"email": "python@example.com"})
    client.alias(previous_id="python-anon", distinct_id="python-user")
    client.group_identify("company", "acme", properties={"seats": 5})
    try:
        raise ValueError("python failure")
    except ValueError as error:
        client.capture_exception(error, distinct_id="python-user")
    for i in range(50):
        client.capture("python bulk", distinct_id=f"python-{i}", properties={"i": i})
    client.shutdown()
    if failures:
        raise SystemExit(f"refused: {failures}")


main(sys.argv[1])
