"""Arguments and results."""

import decimal

import pytest

import hog_feature_flags
import posthog_feature_flags_rs
from conftest import document, flag, prop


def test_names():
    assert posthog_feature_flags_rs.evaluate_all_feature_flags_rust is hog_feature_flags.evaluate_all_feature_flags_rust


def test_result(evaluate):
    variants = {"variants": [{"key": "a", "rollout_percentage": 100}]}
    result = evaluate(
        flag("on", payloads={"true": '{"x": 1}'}),
        dict(flag("blue", multivariate=variants, payloads={"a": {"x": [1, 2.5, None, "ü"]}}), version=7),
        flag("off", prop("plan", "pro"), payloads={"true": 1}),
        person_property_overrides={"plan": "free"})
    values, reasons, payloads, errors, details = result
    assert type(result) is tuple
    assert values == {"on": True, "blue": "a", "off": False} and values["on"] is True and values["off"] is False
    assert reasons["on"] == {"reason": "condition_match", "condition_index": 0}
    assert reasons["off"] == {"reason": "no_condition_match", "condition_index": 0}
    assert payloads == {"on": '{"x": 1}', "blue": {"x": [1, 2.5, None, "ü"]}}
    assert errors is False
    assert details["blue"] == {
        "match": {"match": True, "variant": "a", "reason": "condition_match", "condition_index": 0, "payload": payloads["blue"]},
        "id": 2, "version": 7, "description": None}
    assert details["off"]["match"] == {"match": False, "variant": None, "reason": "no_condition_match", "condition_index": 0, "payload": None}


def test_flags_that_others_depend_on_come_too(evaluate):
    child = flag("child", {"key": "1", "type": "flag", "operator": "flag_evaluates_to", "value": True})
    assert evaluate(flag("base"), child, flag("other"), flag_keys=("child",))[0] == {"base": True, "child": True}
    assert evaluate(flag("base"), flag_keys=[])[0] == {}


class Text(str):
    pass


class Index:
    def __index__(self):
        return 5


@pytest.mark.parametrize("value, filter, matches", [
    (True, prop("p", "true"), True),
    (True, prop("p", 1), False),
    (False, prop("p", "false"), True),
    (1, prop("p", "1"), True),
    (2.5, prop("p", "2.5"), True),
    ("ünï\u2028\"", prop("p", "ünï\u2028\""), True),
    (Text("t"), prop("p", "t"), True),
    (Index(), prop("p", "5"), True),
    (decimal.Decimal("2.5"), prop("p", 2, "gt"), True),
    (2**63 - 1, prop("p", str(2**63 - 1)), True),
    (2**64, prop("p", 2**63, "gt"), True),
    (float("nan"), prop("p", "is_not_set", "is_not_set"), None),
    (10**400, prop("p", "is_not_set", "is_not_set"), None),
    ([1], prop("p", "is_not_set", "is_not_set"), None),
    ({"a": 1}, prop("p", "is_not_set", "is_not_set"), None),
    (object(), prop("p", "is_not_set", "is_not_set"), None),
], ids=repr)
def test_property_values(evaluate, value, filter, matches):
    if matches is None:  # as null
        matches = evaluate(flag("f", filter), person_property_overrides={"p": None})[0]["f"]
    assert evaluate(flag("f", filter), person_property_overrides={"p": value})[0]["f"] is matches


def test_groups(evaluate):
    gold = dict(prop("tier", "gold"), type="group", group_type_index=0)
    f = flag("f", gold, aggregation_group_type_index=0)
    assert evaluate(f, groups={"company": "new"}, group_property_overrides={"company": {"tier": "gold"}})[0]["f"] is True
    assert evaluate(f, groups={"company": "new"})[0]["f"] is False
    assert evaluate(f)[1]["f"]["reason"] == "no_group_type"


@pytest.mark.parametrize("argument, value, message", [
    ("distinct_id", 5, "distinct_id must be a str, not int"),
    ("distinct_id", None, "distinct_id must be a str, not NoneType"),
    ("groups", [("a", "b")], "groups must be a dict or None, not list"),
    ("groups", {"a": 1}, "groups['a'] must be a str, not int"),
    ("groups", {1: "a"}, "a key of groups must be a str, not int"),
    ("person_property_overrides", "{}", "person_property_overrides must be a dict or None, not str"),
    ("person_property_overrides", [], "person_property_overrides must be a dict or None, not list"),
    ("person_property_overrides", {None: 1}, "a key of person_property_overrides must be a str, not NoneType"),
    ("group_property_overrides", {"a": 1}, "group_property_overrides['a'] must be a dict or None, not int"),
    ("group_property_overrides", {"a": {2: 1}}, "a key of group_property_overrides['a'] must be a str, not int"),
    ("hash_key_override", b"x", "hash_key_override must be a str, not bytes"),
    ("flag_keys", "f", "flag_keys must be a list of str or None, not str"),
    ("flag_keys", [1], "flag_keys[0] must be a str, not int"),
    ("flag_keys", 1, "flag_keys must be a list of str or None, not int"),
])
def test_type_errors(evaluate, argument, value, message):
    with pytest.raises(TypeError) as raised:
        evaluate(flag("f"), **{argument: value})
    assert str(raised.value) == message


@pytest.mark.parametrize("team, text, error, message", [
    ("1", "{}", TypeError, "team_id must be an int, not str"),
    (1.0, "{}", TypeError, "team_id must be an int, not float"),
    (2**31, "{}", OverflowError, "team_id is 2147483648, which does not fit into 32 bits"),
    (1, b"{}", TypeError, "feature_flags_json must be a str, not bytes"),
    (1, "", ValueError, "Failed to parse feature flags JSON: "),
    (1, "[]", ValueError, "Failed to parse feature flags JSON: "),
    (1, "{}", ValueError, "Failed to parse feature flags JSON: missing field `flags`"),
    (1, '{"flags": {}}', ValueError, "Failed to parse feature flags JSON: "),
    (1, '{"flags": [', ValueError, "Failed to parse feature flags JSON: "),
    (1, '{"flags": [{"id": null, "key": "a"}]}', ValueError, "Failed to parse feature flags JSON: flags[0]: missing field `id`"),
    (1, '{"flags": [null]}', ValueError, "Failed to parse feature flags JSON: flags[0] is null"),
    (1, '{"flags": [{"key": "a"}]}', ValueError, "Failed to parse feature flags JSON: flags[0]: missing field `id`"),
    (1, '{"flags": [{"id": 1, "key": "a"}, {"id": 2}]}', ValueError, "Failed to parse feature flags JSON: flags[1]: missing field `key`"),
])
def test_other_errors(urls, team, text, error, message):
    with pytest.raises(error) as raised:
        hog_feature_flags.evaluate_all_feature_flags_rust(*urls, team, 1, "u", text)
    assert str(raised.value).startswith(message)


def test_bad_flags_are_told_before_bad_databases():
    with pytest.raises(ValueError) as raised:
        hog_feature_flags.evaluate_all_feature_flags_rust(*["postgres://127.0.0.1:1/none"] * 4, 1, 1, "u", "{")
    assert str(raised.value).startswith("Failed to parse feature flags JSON: ")


def test_groups_of_the_project(evaluate, urls):
    gold = dict(prop("tier", "gold"), type="group", group_type_index=0)
    f = document(flag("f", gold, aggregation_group_type_index=0))
    ask = dict(groups={"company": "new"}, group_property_overrides={"company": {"tier": "gold"}})
    for team, project, value in (77, 1, True), (1, 77, True), (77, 77, False):
        assert hog_feature_flags.evaluate_all_feature_flags_rust(*urls, team, project, "u", f, **ask)[0] == {"f": value}


def test_any_text_goes(evaluate):
    values = evaluate(flag("k\u2028\"<é"), distinct_id="nul \0, \U0001f600, lone \ud800", person_property_overrides={"\0": "\udfff", "": ""})[0]
    assert values == {"k\u2028\"<é": True}


def test_results_are_fresh(evaluate):
    f = flag("f", payloads={"true": {"a": []}})
    first = evaluate(f)
    first[2]["f"]["a"].append(1)
    first[1]["f"]["reason"] = "x"
    assert evaluate(f)[2] == {"f": {"a": []}} and evaluate(f)[1]["f"]["reason"] == "condition_match"


def test_a_large_document(urls):
    text = document(*[flag("flag-%d" % i, payloads={"true": "x" * 1000}) for i in range(5000)])
    values, _, payloads, errors, _ = hog_feature_flags.evaluate_all_feature_flags_rust(*urls, 1, 1, "u", text)
    assert len(text) > 5 << 20 and len(values) == len(payloads) == 5000 and not errors
