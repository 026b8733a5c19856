"""The dtypes that tensors may have, and how two of them combine.

A dtype is a NumPy dtype object, so it prints, compares and passes to NumPy as one knows it.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from .brain_float import FLOAT_KINDS, is_bfloat16
from .brain_float import bfloat16 as load_bfloat16

if TYPE_CHECKING:  # made by __getattr__ below
    bfloat16: np.dtype
    ALL: tuple[np.dtype, ...]

float16 = np.dtype(np.float16)
float32 = np.dtype(np.float32)
float64 = np.dtype(np.float64)
int64 = np.dtype(np.int64)
int32 = np.dtype(np.int32)
uint8 = np.dtype(np.uint8)
bool_ = np.dtype(np.bool_)

COMPUTED_FLOATS = (float32, float64)

_RANK = {dtype: rank for rank, dtype in enumerate((bool_, uint8, int32, int64, float16, float32, float64))}
_SHORT_FLOAT = _RANK[float16]  # and of bfloat16, which is not a key: it is there when it is first asked for
_NAMES = "float16, bfloat16, float32, float64, int64, int32, uint8, bool"


def __getattr__(name: str) -> Any:
    if name == "bfloat16":
        return load_bfloat16()
    if name == "ALL":
        return (float16, load_bfloat16(), float32, float64, int64, int32, uint8, bool_)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def is_float(dtype: np.dtype) -> bool:
    """Whether `dtype` holds real numbers.

    >>> is_float(float32), is_float(int64)
    (True, False)
    """
    return dtype.kind in FLOAT_KINDS


def check(dtype: object) -> np.dtype:
    """The NumPy dtype that `dtype` names; TypeError where tensors do not support it.

    >>> check("float32")
    dtype('float32')
    >>> check(complex)
    Traceback (most recent call last):
        ...
    TypeError: dtype complex128 is not supported; tensors hold float16, bfloat16, float32, float64, int64, int32,
    uint8, bool
    """
    if isinstance(dtype, str) and dtype == "bfloat16":  # a name that NumPy knows only once it was asked for
        return load_bfloat16()
    found = np.dtype(dtype)  # type: ignore[call-overload]
    native = found.newbyteorder("=")
    if native not in _RANK and not is_bfloat16(native):
        raise TypeError(f"dtype {found} is not supported; tensors hold {_NAMES}")
    return native


def is_name(text: str) -> bool:
    """Whether `text` names a dtype, of tensors or not, rather than a device.

    >>> is_name("bfloat16"), is_name("complex128"), is_name("cpu")
    (True, True, False)
    """
    try:
        return text == "bfloat16" or np.dtype(text) is not None
    except TypeError:
        return False


def promote(a: np.dtype, b: np.dtype) -> np.dtype:
    """The dtype in which an operation on `a` and `b` is computed.

    Within a kind, the wider one (Python array API standard, "type promotion rules"); between kinds the float wins
    over the integer and the integer over bool, without becoming wider: int64 with float32 makes float32. float16 and
    bfloat16, neither of which holds the other's numbers, make float32.

    >>> promote(float32, float64), promote(int64, float32)
    (dtype('float64'), dtype('float32'))
    """
    first, second = _RANK.get(a, _SHORT_FLOAT), _RANK.get(b, _SHORT_FLOAT)
    if first == second == _SHORT_FLOAT and a != b:
        return float32
    return a if first >= second else b


def of_python(value: object) -> np.dtype:
    """The dtype of a Python number or nested list: floats make float32, integers int64, booleans bool.

    >>> of_python([1, 2.5]), of_python(3), of_python(True)
    (dtype('float32'), dtype('int64'), dtype('bool'))
    """
    found = np.asarray(value).dtype
    if found.kind == "f":
        return float32
    return int64 if found.kind in "iu" else check(found)
