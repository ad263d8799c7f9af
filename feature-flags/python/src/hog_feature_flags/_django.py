"""The functions that the main app wraps around posthog_feature_flags_rs. Django and the main app are imported when they are called."""

import json
from typing import Any, Dict, List, Optional, Sequence, Tuple
from urllib.parse import quote

from ._evaluate import evaluate_all_feature_flags_rust
from ._types import Evaluation, Payloads, Reasons, Values


def get_all_feature_flags_with_details_rust(
    team: Any,
    distinct_id: str,
    groups: Optional[Dict[str, str]] = None,
    hash_key_override: Optional[str] = None,
    property_value_overrides: Optional[Dict[str, Any]] = None,
    group_property_value_overrides: Optional[Dict[str, Dict[str, Any]]] = None,
    flag_keys: Optional[Sequence[str]] = None,
) -> Evaluation:
    """Evaluates the flags of a team for a person, with the main app's cached flags and Django's databases.

    Returns (flag_values, evaluation_reasons, flag_payloads, errors_while_computing_flags, flag_details).
    """
    return evaluate_all_feature_flags_rust(
        _database_url("persons_db_reader"),
        _database_url("persons_db_writer"),
        _database_url("replica"),
        _database_url("default"),
        team.id,
        team.project_id,
        distinct_id,
        json.dumps({"flags": _flags(team.project_id)}),
        groups,
        property_value_overrides,
        group_property_value_overrides,
        hash_key_override,
        flag_keys,
    )


def get_all_feature_flags(
    team: Any,
    distinct_id: str,
    groups: Optional[Dict[str, str]] = None,
    hash_key_override: Optional[str] = None,
    property_value_overrides: Optional[Dict[str, Any]] = None,
    group_property_value_overrides: Optional[Dict[str, Dict[str, Any]]] = None,
    flag_keys: Optional[Sequence[str]] = None,
) -> Tuple[Values, Reasons, Payloads, bool]:
    """Is get_all_feature_flags_with_details_rust without the details."""
    return get_all_feature_flags_with_details_rust(
        team, distinct_id, groups, hash_key_override, property_value_overrides, group_property_value_overrides, flag_keys
    )[:4]


def _flags(project_id: int) -> List[Any]:
    """Returns the flags of a project, all of them: those that were not asked for may be what others depend on."""
    from posthog.api.feature_flag import MinimalFeatureFlagSerializer  # type: ignore[import-not-found,unused-ignore]
    from posthog.models.feature_flag import (  # type: ignore[import-not-found,unused-ignore]
        get_feature_flags_for_team_in_cache,
        set_feature_flags_for_team_in_cache,
    )

    flags = get_feature_flags_for_team_in_cache(project_id)
    if flags is None:
        flags = set_feature_flags_for_team_in_cache(project_id)
    return list(MinimalFeatureFlagSerializer(flags, many=True).data)


def _database_url(alias: str) -> str:
    """Returns the URL of one of Django's databases, that of the default one where there is no such alias."""
    from django.conf import settings  # type: ignore[import-not-found,import-untyped,unused-ignore]

    database = settings.DATABASES.get(alias) or settings.DATABASES["default"]
    user, password = str(database.get("USER") or ""), str(database.get("PASSWORD") or "")
    host, port = str(database.get("HOST") or ""), str(database.get("PORT") or 5432)
    who = quote(user, safe="") + (":" + quote(password, safe="") if password else "")
    name = quote(str(database["NAME"]), safe="")
    options = database.get("OPTIONS") or {}
    query = ["sslmode=" + quote(str(options["sslmode"]), safe="")] if "sslmode" in options else []
    if not host or host.startswith("/"):  # a socket
        query.append("host=" + quote(host or "/var/run/postgresql", safe=""))
        host = ""
    where = "[%s]" % host if ":" in host else host
    return "postgresql://%s@%s:%s/%s%s" % (who, where, port, name, "?" + "&".join(query) if query else "")
