"""The dtypes that tensors may have, and how two of them combine.

A dtype is a NumPy dtype object, so it prints, compares and passes to NumPy as one knows it.
"""

import numpy as np

float16 = np.dtype(np.float16)
float32 = np.dtype(np.float32)
float64 = np.dtype(np.float64)
int64 = np.dtype(np.int64)
int32 = np.dtype(np.int32)
uint8 = np.dtype(np.uint8)
bool_ = np.dtype(np.bool_)

ALL = (float16, float32, float64, int64, int32, uint8, bool_)
COMPUTED_FLOATS = (float32, float64)

_RANK = {dtype: rank for rank, dtype in enumerate((bool_, uint8, int32, int64, float16, float32, float64))}


def is_float(dtype: np.dtype) -> bool:
    """Whether `dtype` holds real numbers.

    >>> is_float(float32), is_float(int64)
    (True, False)
    """
    return dtype.kind == "f"


def check(dtype: object) -> np.dtype:
    """The NumPy dtype that `dtype` names; TypeError where tensors do not support it.

    >>> check("float32")
    dtype('float32')
    >>> check(complex)
    Traceback (most recent call last):
        ...
    TypeError: dtype complex128 is not supported; tensors hold float16, float32, float64, int64, int32, uint8, bool
    """
    found = np.dtype(dtype)  # type: ignore[call-overload]
    native = found.newbyteorder("=")
    if native not in _RANK:
        names = ", ".join(d.name for d in ALL)
        raise TypeError(f"dtype {found} is not supported; tensors hold {names}")
    return native


def promote(a: np.dtype, b: np.dtype) -> np.dtype:
    """The dtype in which an operation on `a` and `b` is computed.

    Within a kind, the wider one (Python array API standard, "type promotion rules"); between kinds the float wins
    over the integer and the integer over bool, without becoming wider: int64 with float32 makes float32.

    >>> promote(float32, float64), promote(int64, float32)
    (dtype('float64'), dtype('float32'))
    """
    return a if _RANK[a] >= _RANK[b] else b


def of_python(value: object) -> np.dtype:
    """The dtype of a Python number or nested list: floats make float32, integers int64, booleans bool.

    >>> of_python([1, 2.5]), of_python(3), of_python(True)
    (dtype('float32'), dtype('int64'), dtype('bool'))
    """
    found = np.asarray(value).dtype
    if found.kind == "f":
        return float32
    return int64 if found.kind in "iu" else check(found)
