"""What an evaluation returns."""

from typing import Any, Dict, Optional, Tuple, TypedDict, Union

Reason = TypedDict("Reason", {"reason": str, "condition_index": Optional[int]})
Match = TypedDict(
    "Match", {"match": bool, "variant": Optional[str], "reason": str, "condition_index": Optional[int], "payload": Any}
)
Detail = TypedDict("Detail", {"match": Match, "id": int, "version": int, "description": Optional[str]})

# By the key of the flag.
Values = Dict[str, Union[str, bool]]
Reasons = Dict[str, Reason]
Payloads = Dict[str, Any]  # only of flags that have one
Details = Dict[str, Detail]

# The bool tells that not everything could be computed.
Evaluation = Tuple[Values, Reasons, Payloads, bool, Details]
