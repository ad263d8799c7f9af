"""Evaluates PostHog feature flags in this process: no service, no HTTP.

evaluate_all_feature_flags_rust takes the flags as JSON and the databases as URLs; get_all_feature_flags_with_details_rust takes both from
the Django app that it runs in. The work is done by a Go library, without the GIL. It is loaded by the first evaluation, since a Go
library does not survive a fork: a server that forks its workers must evaluate its first flag after that.
"""

from ._django import get_all_feature_flags, get_all_feature_flags_with_details_rust
from ._evaluate import evaluate_all_feature_flags_rust
from ._library import DatabaseError, close, configure
from ._types import Detail, Details, Evaluation, Match, Payloads, Reason, Reasons, Values

__all__ = [
    "DatabaseError",
    "Detail",
    "Details",
    "Evaluation",
    "Match",
    "Payloads",
    "Reason",
    "Reasons",
    "Values",
    "close",
    "configure",
    "evaluate_all_feature_flags_rust",
    "get_all_feature_flags",
    "get_all_feature_flags_with_details_rust",
]
__version__ = "0.1.0"
