"""The name that PostHog's main app imports: see hog_feature_flags."""

from hog_feature_flags import DatabaseError, evaluate_all_feature_flags_rust

__all__ = ["DatabaseError", "evaluate_all_feature_flags_rust"]
__version__ = "0.1.0"
