"""Attention with several heads and the layers made of it: as torch's where it is installed, masks, mistakes."""

import numpy as np
import pytest
from harness import DEVICE_NAMES

import pyengine as pe
from pyengine import nn

rng = np.random.default_rng(0)
every_order = pytest.mark.parametrize("batch_first", [False, True])


def same_weights(ours, theirs):
    """Ours with the weights of torch's module, which have the same names; both in float64."""
    torch = pytest.importorskip("torch")
    with torch.no_grad():
        for parameter in theirs.parameters():  # biases begin as zeros, which hide mistakes
            parameter.uniform_(-0.5, 0.5)
    result = ours.double().load_state_dict({name: t.numpy() for name, t in theirs.double().state_dict().items()})
    assert result == ([], [])


def agree(ours, theirs, arrays, masks=None, tolerance=1e-11):
    """Outputs, and the gradients of inputs and parameters for a random upstream gradient."""
    torch = pytest.importorskip("torch")
    mine = [pe.tensor(a, requires_grad=True) for a in arrays]
    other = [torch.tensor(a, requires_grad=True) for a in arrays]
    masks = masks or {}
    given = {k: pe.tensor(v) if isinstance(v, np.ndarray) else v for k, v in masks.items()}
    wanted = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in masks.items()}
    got, want = ours(*mine, **given), theirs(*other, **wanted)
    if isinstance(got, tuple):
        assert (got[1] is None) == (want[1] is None)
        if got[1] is not None:
            np.testing.assert_allclose(got[1].detach().numpy(), want[1].detach().numpy(), rtol=tolerance, atol=1e-12)
        got, want = got[0], want[0]
    np.testing.assert_allclose(got.detach().numpy(), want.detach().numpy(), rtol=tolerance, atol=1e-11)
    upstream = rng.standard_normal(got.shape)
    got.backward(pe.tensor(upstream))
    want.backward(torch.tensor(upstream))
    for a, b in zip(mine, other, strict=True):
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-9, atol=1e-10)
    theirs_by_name = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        np.testing.assert_allclose(parameter.grad.numpy(), theirs_by_name[name].grad.numpy(), rtol=1e-9, atol=1e-10)


def padding(batch, keys):
    """The last keys of each sequence filled up, one more in each; the first sequence is whole."""
    return np.arange(keys)[None] >= keys - np.arange(batch)[:, None]


CAUSAL = np.triu(np.ones((5, 5), bool), 1)
MASKS = {
    "none": {},
    "weights of each head": {"average_attn_weights": False},
    "no weights": {"need_weights": False},
    "padding": {"key_padding_mask": padding(3, 5)},
    "padding, no weights": {"key_padding_mask": padding(3, 5), "need_weights": False},
    "causal": {"attn_mask": CAUSAL, "need_weights": False, "is_causal": True},
    "for each head": {"attn_mask": np.triu(rng.uniform(size=(6, 5, 5)) < 0.5, 1)},
    "floats": {"attn_mask": rng.standard_normal((5, 5))},
    "floats that hide": {"attn_mask": np.where(CAUSAL, -np.inf, 0.5), "key_padding_mask": padding(3, 5)[::-1] * -1e4},
}


@every_order
@pytest.mark.parametrize("masks", MASKS)
def test_self_attention_as_torch(masks, batch_first):
    torch = pytest.importorskip("torch")
    theirs = torch.nn.MultiheadAttention(8, 2, batch_first=batch_first)
    ours = nn.MultiheadAttention(8, 2, batch_first=batch_first)
    same_weights(ours, theirs)
    x = rng.standard_normal((3, 5, 8) if batch_first else (5, 3, 8))

    class Of:
        """Attention of a tensor to itself."""

        def __init__(self, module):
            self.module = module
            self.named_parameters = module.named_parameters

        def __call__(self, x, **masks):
            return self.module(x, x, x, **masks)

    agree(Of(ours), Of(theirs), [x], MASKS[masks])


@every_order
@pytest.mark.parametrize("options", [{}, {"kdim": 6, "vdim": 4}, {"bias": False}])
def test_attention_to_others_as_torch(options, batch_first):
    torch = pytest.importorskip("torch")
    theirs = torch.nn.MultiheadAttention(8, 4, batch_first=batch_first, **options)
    ours = nn.MultiheadAttention(8, 4, batch_first=batch_first, **options)
    same_weights(ours, theirs)
    shapes = [(2, 3, 8), (2, 5, options.get("kdim", 8)), (2, 5, options.get("vdim", 8))]
    arrays = [rng.standard_normal(shape) for shape in shapes]
    if not batch_first:
        arrays = [np.ascontiguousarray(a.swapaxes(0, 1)) for a in arrays]
    agree(ours, theirs, arrays, {"key_padding_mask": padding(2, 5)})


def test_one_sequence_without_a_batch():
    torch = pytest.importorskip("torch")
    theirs, ours = torch.nn.MultiheadAttention(8, 2), nn.MultiheadAttention(8, 2)
    same_weights(ours, theirs)
    arrays = [rng.standard_normal(shape) for shape in ((3, 8), (5, 8), (5, 8))]
    agree(ours, theirs, arrays, {"key_padding_mask": padding(3, 5)[2]})


@every_order
@pytest.mark.parametrize("options", [{}, {"norm_first": True, "activation": "gelu"}, {"bias": False}])
def test_encoders_as_torch(options, batch_first):
    torch = pytest.importorskip("torch")
    options = {"dim_feedforward": 12, "dropout": 0.0, "batch_first": batch_first, **options}
    layers = torch.nn.TransformerEncoderLayer(8, 2, **options)
    theirs = torch.nn.TransformerEncoder(layers, 2, torch.nn.LayerNorm(8), enable_nested_tensor=False)
    ours = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, **options), 2, nn.LayerNorm(8))
    same_weights(ours, theirs)
    x = rng.standard_normal((3, 5, 8) if batch_first else (5, 3, 8))
    agree(ours, theirs, [x], {"src_key_padding_mask": padding(3, 5)}, 1e-9)
    for parameter in ours.parameters():
        parameter.grad = None
    theirs.zero_grad()
    agree(ours, theirs, [x], {"mask": CAUSAL}, 1e-9)


@pytest.mark.parametrize("norm_first", [False, True])
def test_decoders_as_torch(norm_first):
    torch = pytest.importorskip("torch")
    options = {"dim_feedforward": 12, "dropout": 0.0, "batch_first": True, "norm_first": norm_first}
    theirs = torch.nn.TransformerDecoder(torch.nn.TransformerDecoderLayer(8, 2, **options), 2)
    ours = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, **options), 2)
    same_weights(ours, theirs)
    masks = {
        "tgt_mask": CAUSAL[:4, :4],
        "memory_key_padding_mask": padding(3, 5),
        "tgt_key_padding_mask": padding(3, 4),
    }
    agree(ours, theirs, [rng.standard_normal((3, 4, 8)), rng.standard_normal((3, 5, 8))], masks, 1e-9)


# --- without torch


@pytest.mark.parametrize("need_weights", [False, True])
def test_a_query_that_may_look_at_nothing_gets_zeros(need_weights):
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    x = pe.tensor(rng.standard_normal((2, 3, 8)).astype(np.float32), requires_grad=True)
    mask = pe.tensor([[True, True, True], [False, False, True]])
    out, weights = attention(x, x, x, mask, need_weights)
    np.testing.assert_array_equal(out[0].detach().numpy(), 0)  # the bias of out_proj begins as zeros
    if weights is not None:
        np.testing.assert_array_equal(weights[0].detach().numpy(), 0)
    out.square().sum().backward()
    assert x.grad.isfinite().all()
    assert attention.in_proj_weight.grad.isfinite().all()


@pytest.mark.parametrize("device", DEVICE_NAMES)
def test_padding_changes_nothing(device):
    """A sentence alone, and the same one filled up beside a longer one: outputs and gradients."""
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True).to(device)
    short = pe.tensor(rng.standard_normal((1, 3, 8)).astype(np.float32), device=device)
    rest = pe.tensor(rng.standard_normal((1, 2, 8)).astype(np.float32), device=device)
    long = pe.tensor(rng.standard_normal((1, 5, 8)).astype(np.float32), device=device)
    alone = layer(short)
    alone.square().sum().backward()
    want = {name: p.grad.numpy().copy() for name, p in layer.named_parameters()}
    layer.zero_grad()
    batch = pe.cat([pe.cat([short, rest], 1), long], 0)
    mask = pe.tensor([[False, False, False, True, True], [False] * 5], device=device)
    together = layer(batch, src_key_padding_mask=mask)[:1, :3]
    np.testing.assert_allclose(together.detach().numpy(), alone.detach().numpy(), rtol=1e-5, atol=1e-5)
    together.square().sum().backward()
    for name, parameter in layer.named_parameters():
        # float32, sums of 16 products in another order
        np.testing.assert_allclose(parameter.grad.numpy(), want[name], rtol=1e-4, atol=1e-4, err_msg=name)


def test_a_sequence_of_one_token_in_a_batch_of_one():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    assert layer(pe.randn(1, 1, 8)).isfinite().all()


def test_causal_without_a_mask():
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    x = pe.randn(2, 5, 8)
    _, weights = attention(x, x, x, is_causal=True)
    np.testing.assert_array_equal(np.triu(weights.detach().numpy(), 1), 0)
    np.testing.assert_allclose(weights.sum(-1).detach().numpy(), 1, rtol=1e-6)


def test_gradients():
    attention = nn.MultiheadAttention(4, 2, batch_first=True).double()
    mask = pe.tensor(padding(2, 3))
    x = pe.tensor(rng.standard_normal((2, 3, 4)), requires_grad=True)
    pe.gradcheck(lambda x: attention(x, x, x, mask, need_weights=False)[0], (x,))


def test_dropout_only_in_training():
    attention = nn.MultiheadAttention(8, 2, dropout=0.5, batch_first=True)
    x = pe.randn(2, 5, 8)
    first, second = (attention(x, x, x)[0].detach().numpy() for _ in range(2))
    assert (first != second).any()
    attention.eval()
    first, second = (attention(x, x, x)[0].detach().numpy() for _ in range(2))
    assert (first == second).all()


def test_positions_are_sines_and_cosines():
    table = nn.SinusoidalPositions(6, max_length=50)(pe.zeros(50, 6)).numpy()
    places, pair = np.arange(50)[:, None], np.arange(3)
    angles = places / 10_000 ** (2 * pair / 6)
    np.testing.assert_allclose(table[:, ::2], np.sin(angles), atol=1e-6)
    np.testing.assert_allclose(table[:, 1::2], np.cos(angles), atol=1e-6)
    assert not nn.SinusoidalPositions(6).state_dict()


def test_copies_share_nothing():
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 2)
    first, second = (layer.linear1.weight for layer in encoder.layers)
    np.testing.assert_array_equal(first.detach().numpy(), second.detach().numpy())
    with pe.no_grad():
        first[0, 0] = 7.0
    assert second[0, 0].item() != 7.0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.MultiheadAttention(8, 3), ValueError, "must be a multiple of num_heads; 8 is none of 3"),
        (lambda: nn.MultiheadAttention(8, 2, dropout=2), ValueError, "dropout is a probability"),
        (lambda: attend(pe.zeros(2, 3, 7)), ValueError, r"the query is \(batch, tokens, features\) with 8 features"),
        (lambda: attend(key=pe.zeros(2, 3, 7)), ValueError, "the key is"),
        (lambda: attend(key=pe.zeros(2, 4, 8)), ValueError, "keys and values come in pairs"),
        (
            lambda: attend(key_padding_mask=pe.zeros(3, 2) > 0),
            ValueError,
            r"key_padding_mask is \(batch, S\) = \(2, 3\)",
        ),
        (lambda: attend(attn_mask=pe.zeros(3, 2) > 0), ValueError, r"attn_mask is \(T, S\) = \(3, 3\) or"),
        (lambda: attend(attn_mask=pe.zeros(3, 3, dtype="int64")), TypeError, "bools, True where hidden, or of floats"),
        (lambda: nn.TransformerEncoderLayer(8, 2, activation="tanh"), ValueError, "'relu', 'gelu' or a function"),
        (lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2), 0), ValueError, "num_layers is 0"),
        (lambda: nn.SinusoidalPositions(4, 3)(pe.zeros(1, 4, 4)), ValueError, "4 tokens is longer than max_length, 3"),
        (lambda: nn.SinusoidalPositions(4)(pe.zeros(1, 4, 5)), ValueError, r"takes \(…, tokens, 4\)"),
        (lambda: nn.SinusoidalPositions(0), ValueError, "sizes are from 1 on"),
    ],
)
def test_mistakes(call, error, message):
    with pytest.raises(error, match=message):
        call()


def attend(query=None, key=None, value=None, **masks):
    x = pe.zeros(2, 3, 8)
    given = [x if t is None else t for t in (query, key, value)]
    return nn.MultiheadAttention(8, 2, batch_first=True)(*given, **masks)
