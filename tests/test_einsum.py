"""einsum against NumPy's, gradients included, and its messages."""

import numpy as np
import pytest

import pyengine as pe

EQUATIONS = (
    ("ij,jk->ik", (3, 4), (4, 5)),
    ("ij,jk", (3, 4), (4, 5)),
    ("ij->ji", (3, 4)),
    ("ij->", (3, 4)),
    ("ij->j", (3, 4)),
    ("i,j->ij", (3,), (4,)),
    ("i,i->", (3,), (3,)),
    ("bi,bi->b", (2, 3), (2, 3)),
    ("bhqd,bhkd->bhqk", (2, 3, 4, 5), (2, 3, 6, 5)),
    ("bqd,kd->bkq", (2, 3, 4), (5, 4)),
    ("...ij,...jk->...ik", (2, 3, 4), (2, 4, 5)),
    ("...ij,jk->...ik", (6, 2, 3, 4), (4, 5)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 5)),
    ("ij,kj,lj->ikl", (2, 3), (4, 3), (5, 3)),
    ("abc,cd,be->ade", (2, 3, 4), (4, 5), (3, 6)),
    ("ij,ij->ij", (3, 4), (3, 4)),
    ("ij,kl->", (2, 3), (4, 5)),
)


@pytest.mark.parametrize(("equation", "shapes"), [(e, s) for e, *s in EQUATIONS])
def test_agrees_with_numpy(equation, shapes) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape) for shape in shapes]
    tensors = [pe.tensor(a, requires_grad=True) for a in arrays]
    out = pe.einsum(equation, *tensors)
    np.testing.assert_allclose(out.detach().numpy(), np.einsum(equation, *arrays), rtol=1e-12, atol=1e-12)
    assert pe.gradcheck(lambda *t: pe.einsum(equation, *t), tensors)


@pytest.mark.parametrize(
    ("equation", "shapes", "message"),
    [
        ("ij,jk->ik", [(3, 4)], "names 2 operands, 1 were given"),
        ("ii->i", [(3, 3)], "diagonals are not supported"),
        ("ij->ijk", [(3, 4)], "'k' of the result is in no operand"),
        ("i1->i", [(3, 4)], "may hold letters"),
        ("i->i", [(3, 4)], r"does not fit a tensor of shape \(3, 4\)"),
        ("ij,jk->ik", [(3, 4), (5, 6)], r"'j' .* is 4 and 5 in shapes \(3, 4\), \(5, 6\)"),
        ("...i->i", [(3, 4)], "leaves out"),
    ],
)
def test_mistakes(equation, shapes, message) -> None:
    with pytest.raises(ValueError, match=f"^einsum: .*{message}"):
        pe.einsum(equation, *(pe.ones(*shape) for shape in shapes))
