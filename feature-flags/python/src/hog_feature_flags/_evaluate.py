"""The function that posthog_feature_flags_rs has."""

import json
import logging
import operator
from typing import Any, Dict, List, Mapping, Optional, Sequence

from . import _library
from ._types import Details, Evaluation, Payloads, Reasons, Values

_log = logging.getLogger("hog_feature_flags")
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode

_MIN_INT, _MAX_INT = -(2**63), 2**63 - 1
_INFINITY = float("inf")


def evaluate_all_feature_flags_rust(
    persons_reader_url: str,
    persons_writer_url: str,
    non_persons_reader_url: str,
    non_persons_writer_url: str,
    team_id: int,
    project_id: int,
    distinct_id: str,
    feature_flags_json: str,
    groups: Optional[Dict[str, str]] = None,
    person_property_overrides: Optional[Dict[str, Any]] = None,
    group_property_overrides: Optional[Dict[str, Dict[str, Any]]] = None,
    hash_key_override: Optional[str] = None,
    flag_keys: Optional[Sequence[str]] = None,
) -> Evaluation:
    """Evaluates feature flags for a person.

    The URLs are those of the Postgres databases of persons and of all else. feature_flags_json is {"flags": [...]}, as the main app
    caches it. Properties override stored ones; their values are str, bool, int or float, any other counts as null. hash_key_override is
    the id that the person had before identification. flag_keys, if not None, limits the answer to these flags and those they depend on.

    Raises TypeError for arguments of a wrong type, ValueError for JSON that cannot be parsed, and DatabaseError, a RuntimeError, for a
    database that cannot be reached. What fails for single flags is told by their reasons and by the fourth value.
    """
    request = {
        "urls": {
            "persons_reader": _string("persons_reader_url", persons_reader_url),
            "persons_writer": _string("persons_writer_url", persons_writer_url),
            "non_persons_reader": _string("non_persons_reader_url", non_persons_reader_url),
            "non_persons_writer": _string("non_persons_writer_url", non_persons_writer_url),
        },
        "team_id": _integer("team_id", team_id, 32),
        "project_id": _integer("project_id", project_id, 64),
        "distinct_id": _string("distinct_id", distinct_id),
    }
    if groups:
        request["groups"] = _strings("groups", groups)
    if person_property_overrides:
        request["person_properties"] = _properties("person_property_overrides", person_property_overrides)
    elif person_property_overrides is not None:
        _dict("person_property_overrides", person_property_overrides)
    if group_property_overrides:
        request["group_properties"] = {
            _key("group_property_overrides", name): _properties("group_property_overrides[%r]" % (name,), properties)
            for name, properties in _dict("group_property_overrides", group_property_overrides).items()
        }
    if hash_key_override is not None:
        request["hash_key_override"] = _string("hash_key_override", hash_key_override)
    if flag_keys is not None:
        request["flag_keys"] = _list("flag_keys", flag_keys)
    document = _string("feature_flags_json", feature_flags_json).encode("utf-8", "surrogatepass")
    return _decode(_library.evaluate(_encode(request).encode("ascii"), document))


def _decode(answer: bytes) -> Evaluation:
    errors, warnings, rows = json.loads(answer)
    for warning in warnings:
        _log.warning("%s", warning)
    values: Values = {}
    reasons: Reasons = {}
    payloads: Payloads = {}
    details: Details = {}
    for key, enabled, variant, reason, index, payload, id, version in rows:
        values[key] = enabled if variant is None else variant
        reasons[key] = {"reason": reason, "condition_index": index}
        if payload is not None:
            payloads[key] = payload
        details[key] = {
            "match": {"match": enabled, "variant": variant, "reason": reason, "condition_index": index, "payload": payload},
            "id": id,
            "version": version,
            "description": None,
        }
    return values, reasons, payloads, errors, details


def _wrong(name: str, value: Any, wanted: str) -> TypeError:
    return TypeError("%s must be %s, not %s" % (name, wanted, type(value).__name__))


def _string(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong(name, value, "a str")
    return value


def _integer(name: str, value: Any, bits: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise _wrong(name, value, "an int") from None
    if not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
        raise OverflowError("%s is %d, which does not fit into %d bits" % (name, number, bits))
    return number


def _dict(name: str, value: Any) -> Dict[Any, Any]:
    if not isinstance(value, dict):
        raise _wrong(name, value, "a dict or None")
    return value


def _key(name: str, key: Any) -> str:
    if not isinstance(key, str):
        raise _wrong("a key of " + name, key, "a str")
    return key


def _strings(name: str, value: Any) -> Dict[str, str]:
    return {_key(name, key): _string("%s[%r]" % (name, key), text) for key, text in _dict(name, value).items()}


def _list(name: str, value: Any) -> List[str]:
    if isinstance(value, (str, bytes, Mapping)):
        raise _wrong(name, value, "a list of str or None")
    try:
        items = list(value)
    except TypeError:
        raise _wrong(name, value, "a list of str or None") from None
    for index, item in enumerate(items):
        _string("%s[%d]" % (name, index), item)
    return items


def _properties(name: str, value: Any) -> Dict[str, Any]:
    return {_key(name, key): _value(item) for key, item in _dict(name, value).items()}


def _value(value: Any) -> Any:
    """Returns what a property's value is to flags: str, bool, int, float or None."""
    kind = type(value)
    if kind is str or kind is bool:
        return value
    if isinstance(value, str):
        return str(value)
    try:
        number = operator.index(value)  # also the integers of numpy
        if _MIN_INT <= number <= _MAX_INT:
            return number
    except TypeError:
        pass
    if not hasattr(value, "__float__") and not hasattr(value, "__index__"):
        return None
    try:
        real = float(value)  # also Decimal
    except (TypeError, ValueError, OverflowError):
        return None
    return real if -_INFINITY < real < _INFINITY else None
