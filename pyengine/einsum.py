"""Sums of products by index letters, over permute, reshape and matmul."""

from collections.abc import Sequence

from .tensor import Tensor

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def einsum(equation: str, *operands: Tensor) -> Tensor:
    """The sum of products that `equation` names: "ij,jk->ik" is the matrix product.

    A letter that is missing right of the arrow is summed over; without an arrow the letters that occur once remain, in
    alphabetical order. "..." stands for batch axes, which broadcast. Several operands are multiplied from left to
    right, each pair as one batched matrix product. A letter twice in one operand (a diagonal) is not supported.
    ValueError for a malformed equation, a wrong number of axes, or lengths that differ.

    >>> import pyengine as pe
    >>> a, b = pe.ones(2, 3), pe.ones(3, 4)
    >>> einsum("ij,jk->ik", a, b).shape
    (2, 4)
    >>> einsum("bi,bi->b", a, a)
    tensor([3., 3.])
    """
    inputs, output = _parse(equation, operands)
    _check_lengths(equation, inputs, operands)
    letters, result = inputs[0], operands[0]
    for i, (other_letters, other) in enumerate(zip(inputs[1:], operands[1:], strict=True), 1):
        needed_later = set(output).union(*inputs[i + 1 :])
        letters, result = _contract(letters, result, other_letters, other, needed_later)
    letters, result = _sum_out(letters, result, set(output))
    return result.permute([letters.index(letter) for letter in output])


def _parse(equation: str, operands: Sequence[Tensor]) -> tuple[list[str], str]:
    """The letters of each operand and of the result, "..." replaced by letters that the equation does not use."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise ValueError(f"einsum: {equation!r} names {len(terms)} operands, {len(operands)} were given")
    allowed = set(_LETTERS)
    for term in (*terms, right):
        bare = term.replace("...", "", 1)
        if not set(bare) <= allowed:
            raise ValueError(f"einsum: {term!r} in {equation!r} may hold letters and one '...' only")
        if len(set(bare)) != len(bare):
            raise ValueError(f"einsum: a letter occurs twice in {term!r} of {equation!r}; diagonals are not supported")
    free = [letter for letter in reversed(_LETTERS) if letter not in equation]
    batch_axes = [t.ndim - len(term.replace("...", "")) for term, t in zip(terms, operands, strict=True)]
    for term, t, extra in zip(terms, operands, batch_axes, strict=True):
        if extra < 0 or (extra and "..." not in term):
            raise ValueError(f"einsum: {term!r} in {equation!r} does not fit a tensor of shape {t.shape}")
    most = max(batch_axes)
    batch = "".join(free[:most])
    inputs = [term.replace("...", batch[most - extra :]) for term, extra in zip(terms, batch_axes, strict=True)]
    if not arrow:
        every = "".join(inputs)
        return inputs, batch + "".join(sorted(x for x in set(every) if every.count(x) == 1 and x not in batch))
    output = right.replace("...", batch)
    unknown = set(output) - set("".join(inputs))
    if unknown:
        raise ValueError(f"einsum: {''.join(sorted(unknown))!r} of the result is in no operand of {equation!r}")
    if batch and "..." not in right:
        raise ValueError(f"einsum: the result of {equation!r} leaves out '...'; sum the batch axes yourself")
    return inputs, output


def _check_lengths(equation: str, inputs: Sequence[str], operands: Sequence[Tensor]) -> None:
    lengths: dict[str, int] = {}
    for letters, t in zip(inputs, operands, strict=True):
        for letter, n in zip(letters, t.shape, strict=True):
            known = lengths.setdefault(letter, n)
            if known == 1:
                lengths[letter] = n
            elif n not in (1, known):
                shapes = ", ".join(str(o.shape) for o in operands)
                raise ValueError(f"einsum: {letter!r} of {equation!r} is {known} and {n} in shapes {shapes}")


def _contract(a: str, x: Tensor, b: str, y: Tensor, kept: set[str]) -> tuple[str, Tensor]:
    """The product of x (with axes named a) and y (b), summed over the letters that are not `kept`."""
    a, x = _sum_out(a, x, kept | set(b))
    b, y = _sum_out(b, y, kept | set(a))
    shared = [letter for letter in a if letter in b]
    batch = [letter for letter in shared if letter in kept]
    inner = [letter for letter in shared if letter not in kept]
    rows = [letter for letter in a if letter not in b]
    columns = [letter for letter in b if letter not in a]
    size = {letter: max(x.shape[a.index(letter)], y.shape[b.index(letter)]) for letter in inner}
    left = _grouped(a, x, batch, rows, inner, size)
    right = _grouped(b, y, batch, inner, columns, size)
    product = left @ right
    lengths = [*product.shape[: len(batch)], *(x.shape[a.index(r)] for r in rows)]
    return "".join(batch + rows + columns), product.reshape([*lengths, *(y.shape[b.index(c)] for c in columns)])


def _grouped(
    letters: str, t: Tensor, batch: list[str], rows: list[str], columns: list[str], size: dict[str, int]
) -> Tensor:
    """`t` as a batch of matrices: axes `rows` made one, `columns` made one; summed axes broadcast to their length."""
    ordered = t.permute([letters.index(letter) for letter in (*batch, *rows, *columns)])
    full = [size.get(letter, n) for letter, n in zip((*batch, *rows, *columns), ordered.shape, strict=True)]
    if tuple(full) != ordered.shape:
        ordered = ordered.expand(full)
    height = width = 1
    for n in full[len(batch) : len(batch) + len(rows)]:
        height *= n
    for n in full[len(batch) + len(rows) :]:
        width *= n
    return ordered.reshape([*full[: len(batch)], height, width])


def _sum_out(letters: str, t: Tensor, kept: set[str]) -> tuple[str, Tensor]:
    gone = tuple(i for i, letter in enumerate(letters) if letter not in kept)
    if not gone:
        return letters, t
    return "".join(letter for letter in letters if letter in kept), t.sum(gone)
