"""The wrapper for the main app, with Django itself and stand-ins for what the main app has."""

import sys
import types
from urllib.parse import parse_qs, unquote, urlsplit

import django.conf
import pytest

import hog_feature_flags
from conftest import flag
from hog_feature_flags import _django


def database(url):
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql", "NAME": parts.path[1:], "USER": unquote(parts.username), "PASSWORD": unquote(parts.password or ""),
        "HOST": parse_qs(parts.query).get("host", [parts.hostname])[0], "PORT": str(parts.port), "OPTIONS": {"sslmode": "disable"}}


class Team:
    id, project_id = 1, 1


@pytest.fixture
def main_app(monkeypatch, urls):
    """Returns the flags of the main app's cache, which may be changed."""
    databases = {"default": database(urls[2]), "persons_db_reader": database(urls[0]), "persons_db_writer": database(urls[1])}
    if not django.conf.settings.configured:
        django.conf.settings.configure(DATABASES=databases)
    flags = []

    class Serializer:
        def __init__(self, instances, many):
            self.data = [dict({"id": i + 1, "active": True, "deleted": False, "version": 1}, **f) for i, f in enumerate(instances)]

    modules = {name: types.ModuleType(name) for name in ("posthog", "posthog.api", "posthog.api.feature_flag", "posthog.models", "posthog.models.feature_flag")}
    modules["posthog.api.feature_flag"].MinimalFeatureFlagSerializer = Serializer
    modules["posthog.models.feature_flag"].get_feature_flags_for_team_in_cache = lambda project_id: None
    modules["posthog.models.feature_flag"].set_feature_flags_for_team_in_cache = lambda project_id: flags
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    return flags


def test_wrapper(main_app):
    main_app += [flag("base"), flag("child", {"key": "1", "type": "flag", "operator": "flag_evaluates_to", "value": True}), flag("other")]
    values, reasons, payloads, errors, details = hog_feature_flags.get_all_feature_flags_with_details_rust(Team, "u")
    assert values == {"base": True, "child": True, "other": True} and not errors and set(details) == set(values)
    assert hog_feature_flags.get_all_feature_flags_with_details_rust(Team, "u", flag_keys=["child"])[0] == {"base": True, "child": True}
    assert hog_feature_flags.get_all_feature_flags(Team, "u", {}, None, {}, {}, ["other"]) == (
        {"other": True}, {"other": {"reason": "condition_match", "condition_index": 0}}, {}, False)


@pytest.mark.parametrize("settings, url", [
    (dict(NAME="a/b", USER="u@x", PASSWORD="p:/?#[]@", HOST="db", PORT=6432), "postgresql://u%40x:p%3A%2F%3F%23%5B%5D%40@db:6432/a%2Fb"),
    (dict(NAME="d", USER="u", HOST="::1"), "postgresql://u@[::1]:5432/d"),
    (dict(NAME="d", USER="u", HOST="/run/pg", OPTIONS={"sslmode": "require"}), "postgresql://u@:5432/d?sslmode=require&host=%2Frun%2Fpg"),
    (dict(NAME="d"), "postgresql://@:5432/d?host=%2Fvar%2Frun%2Fpostgresql"),
])
def test_database_urls(main_app, monkeypatch, settings, url):
    monkeypatch.setattr(django.conf.settings, "DATABASES", {"default": settings})
    assert _django._database_url("replica") == url
