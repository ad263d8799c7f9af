"""Prints the flags of some people as posthog-python gets them: from the server, and by its own evaluation of the definitions.

Arguments: host, project key, secret or personal key, file of people.
"""
import json
import sys

from posthog import Posthog


def main(host: str, token: str, personal_api_key: str, people: str) -> None:
    remote = Posthog(token, host=host, disable_geoip=True)
    local = Posthog(token, host=host, disable_geoip=True, personal_api_key=personal_api_key)
    local.load_feature_flags()
    if not local.feature_flags:
        raise SystemExit("no definitions")
    answers = []
    with open(people, encoding="utf-8") as file:
        for p in json.load(file):
            def ask(client, **more):
                return client.get_all_flags_and_payloads(
                    p["distinct_id"],
                    groups=p["groups"],
                    person_properties=p["properties"],
                    group_properties=p["group_properties"],
                    **more,
                )

            r, l = ask(remote), ask(local, only_evaluate_locally=True)
            answers.append(
                {
                    "remote": r["featureFlags"],
                    "payloads": r["featureFlagPayloads"],
                    "local": l["featureFlags"],
                    "local_payloads": l["featureFlagPayloads"],
                }
            )
    config = local.get_remote_config_payload("remote-config")
    remote.shutdown()
    local.shutdown()
    print(json.dumps({"answers": answers, "config": config}))


main(*sys.argv[1:])
