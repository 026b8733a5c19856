"""Token ids as models take them."""

from typing import Any

from ..tape import located, require_tensors


def check_ids(name: str, ids: Any, fix: str = "a text alone is ids.unsqueeze(0)") -> None:
    """TypeError or ValueError, in the name of a model, where ids are not int64 [n, tokens] of a token or more."""
    require_tensors(name, ids)
    if ids.ndim != 2 or ids.dtype.name != "int64":
        given = f"{ids.dtype} {list(ids.shape)}"
        raise located(ValueError(f"{name}: takes token ids, int64 [n, tokens], not {given}; {fix}"))
    if not ids.shape[1]:
        raise located(ValueError(f"{name}: a text has one token or more; these ids are {list(ids.shape)}"))
