"""Recurrent layers and cells: against PyTorch's, packed against padded, and what they refuse."""

import itertools

import numpy as np
import pytest
from harness import DEVICE_NAMES, assert_same_bits, threads

import pyengine as pe
from pyengine import nn
from pyengine.nn.utils.rnn import (
    PackedSequence,
    pack_padded_sequence,
    pack_sequence,
    pad_packed_sequence,
    pad_sequence,
)

KINDS = ("RNN", "LSTM", "GRU")
every_kind = pytest.mark.parametrize("kind", KINDS)
every_device = pytest.mark.parametrize("device", DEVICE_NAMES)
RNG = np.random.default_rng(0)


def layer(kind: str, *sizes, device=None, **options):
    pe.manual_seed(0)
    return getattr(nn, kind)(*sizes, dtype="float64", device=device, **options)


def drawn(*shape, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def flat(states) -> list:
    return list(states) if isinstance(states, tuple) else [states]


def state(kind: str, *shape, device=None):
    h = [pe.tensor(drawn(*shape, seed=7 + i), device=device, requires_grad=True) for i in range(2)]
    return tuple(h) if kind == "LSTM" else h[0]


def weigh(*results) -> pe.Tensor:
    """A number that depends on every element in a way of its own."""
    total = None
    for i, result in enumerate(results):
        term = (result * pe.tensor(drawn(*result.shape, seed=100 + i), device=result.device)).sum()
        total = term if total is None else total + term
    return total


def close(got, want, what: str = "") -> None:
    got = got.detach().numpy() if hasattr(got, "detach") else got
    want = want.detach().numpy() if hasattr(want, "detach") else want
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-11, err_msg=what)


# --- against PyTorch


def agrees_with_torch(ours, theirs, x, hx, run, run_theirs) -> None:
    """Results, and the gradients of input, state and parameters, where the results are weighed as in `weigh`.

    run         the layer on input and state: an output and the end state
    run_theirs  the same of torch's
    """
    torch = pytest.importorskip("torch")
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    theirs.load_state_dict({n: torch.tensor(p.detach().numpy()) for n, p in ours.state_dict().items()})
    given, theirs_given = pe.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    theirs_hx = [torch.tensor(h.detach().numpy(), requires_grad=True) for h in flat(hx)]
    out, end = run(given, hx)
    want, want_end = run_theirs(theirs_given, tuple(theirs_hx) if isinstance(hx, tuple) else theirs_hx[0])
    weigh(out, *flat(end)).backward()
    results = [want, *flat(want_end)]
    sum((r * torch.tensor(drawn(*r.shape, seed=100 + i))).sum() for i, r in enumerate(results)).backward()
    for got, expected in zip([out, *flat(end)], results, strict=True):
        close(got, expected)
    close(given.grad, theirs_given.grad, "input")
    for got, expected in zip(flat(hx), theirs_hx, strict=True):
        close(got.grad, expected.grad, "state")
    for (name, got), expected in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        close(got.grad, expected.grad, name)


@every_kind
@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize(
    "options",
    [{}, {"bias": False, "batch_first": True}, {"num_layers": 2, "bidirectional": True}, {"nonlinearity": "relu"}],
)
def test_a_layer_agrees_with_torch(kind, batch, options) -> None:
    torch = pytest.importorskip("torch")
    if "nonlinearity" in options and kind != "RNN":
        options = {"num_layers": 3}
    ours = layer(kind, 3, 6, **options)
    theirs = getattr(torch.nn, kind)(3, 6, **options).double()
    x = drawn(batch, 4, 3) if options.get("batch_first") else drawn(4, batch, 3)
    hx = state(kind, options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1), batch, 6)
    agrees_with_torch(ours, theirs, x, hx, ours, theirs)


@every_kind
@pytest.mark.parametrize("bidirectional", [False, True])
def test_packed_sequences_agree_with_torch(kind, bidirectional) -> None:
    torch = pytest.importorskip("torch")
    ours = layer(kind, 3, 4, num_layers=2, bidirectional=bidirectional)
    theirs = getattr(torch.nn, kind)(3, 4, num_layers=2, bidirectional=bidirectional).double()
    lengths, packs = [2, 5, 1, 3], []

    def run(x, hx):
        packed, end = ours(pack_padded_sequence(x, lengths, enforce_sorted=False), hx)
        out, counts = pad_packed_sequence(packed)
        assert counts.tolist() == lengths
        packs.append(packed.data)
        return out, end

    def run_theirs(x, hx):
        packed, end = theirs(torch.nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False), hx)
        packs.append(packed.data)
        return torch.nn.utils.rnn.pad_packed_sequence(packed)[0], end

    agrees_with_torch(ours, theirs, drawn(5, 4, 3), state(kind, 4 if bidirectional else 2, 4, 4), run, run_theirs)
    close(*packs)


@every_kind
def test_a_cell_agrees_with_torch(kind) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = layer(kind + "Cell", 3, 5), getattr(torch.nn, kind + "Cell")(3, 5).double()
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    theirs.load_state_dict({n: torch.tensor(p.detach().numpy()) for n, p in ours.state_dict().items()})
    x, end, want = drawn(4, 2, 3), None, None
    for t in range(4):
        end, want = ours(pe.tensor(x[t]), end), theirs(torch.tensor(x[t]), want)
    for got, expected in zip(flat(end), flat(want), strict=True):
        close(got, expected)
    for got, expected in zip(flat(ours(pe.tensor(x[0, 0]))), flat(theirs(torch.tensor(x[0, 0]))), strict=True):
        close(got, expected)


# --- one sequence, several, packed, step by step: the same


@every_device
@every_kind
@pytest.mark.parametrize("lengths", [[4, 4, 4], [4, 2, 1], [1], [3], [1, 1]])
def test_packed_is_what_each_sequence_gives_alone(kind, device, lengths) -> None:
    net = layer(kind, 3, 5, num_layers=2, bidirectional=True, device=device)
    given = [pe.tensor(drawn(n, 3, seed=i), device=device, requires_grad=True) for i, n in enumerate(lengths)]
    packed, end = net(pack_sequence(given))
    out, counts = pad_packed_sequence(packed, batch_first=True)
    assert counts.tolist() == lengths
    weigh(*(out[i, :n] for i, n in enumerate(lengths)), *flat(end)).backward()
    together = [p.grad.numpy() for p in net.parameters()] + [x.grad.numpy() for x in given]
    net.zero_grad()
    for x in given:
        x.grad = None
    alone = [net(x) for x in given]
    for i, (y, states) in enumerate(alone):
        close(out[i, : lengths[i]], y)
        for got, want in zip(flat(end), flat(states), strict=True):
            close(got[:, i], want)
    ends = [pe.stack(list(parts), 1) for parts in zip(*(flat(s) for _, s in alone), strict=True)]
    weigh(*(y for y, _ in alone), *ends).backward()
    for got, p in zip(together, [*net.parameters(), *given], strict=True):
        close(got, p.grad.numpy())


@every_kind
def test_a_layer_is_its_cell_step_by_step(kind) -> None:
    net, cell = layer(kind, 3, 5), layer(kind + "Cell", 3, 5)
    cell.load_state_dict({name.removesuffix("_l0"): p for name, p in net.state_dict().items()})
    x = pe.tensor(drawn(4, 2, 3))
    out, end = net(x)
    stepped = None
    for t in range(4):
        stepped = cell(x[t], stepped)
        close(out[t], flat(stepped)[0])
    for got, want in zip(flat(end), flat(stepped), strict=True):
        close(got[0], want)


@every_kind
def test_a_sequence_can_be_gone_through_in_parts(kind) -> None:
    net, x = layer(kind, 3, 5, num_layers=2, batch_first=True), pe.tensor(drawn(2, 6, 3))
    out, end = net(x)
    first, half = net(x[:, :2])
    rest, whole = net(x[:, 2:], half)
    close(out, np.concatenate((first.detach().numpy(), rest.detach().numpy()), 1))
    for got, want in zip(flat(whole), flat(end), strict=True):
        close(got, want)


@every_kind
def test_threads_do_not_change_a_bit(kind) -> None:
    found = []
    for count in (1, 2, 3):
        with threads(count):
            pe.manual_seed(0)
            net = getattr(nn, kind)(20, 33, bidirectional=True)
            x = pe.tensor(drawn(9, 37, 20).astype(np.float32), requires_grad=True)
            out, end = net(x)
            sum((r * r).sum() for r in (out, *flat(end))).backward()
            found.append([t.detach().numpy() for t in (out, *flat(end), x.grad, *(p.grad for p in net.parameters()))])
    for other in found[1:]:
        for i, (a, b) in enumerate(zip(found[0], other, strict=True)):
            assert_same_bits(a, b, f"{kind}, {i}")


def test_dropout_lies_between_layers_and_in_training_alone() -> None:
    net, x = layer("LSTM", 3, 5, num_layers=2, dropout=0.5), pe.tensor(drawn(4, 2, 3))
    first, second = net(x)[0].detach().numpy(), net(x)[0].detach().numpy()
    assert (first != second).any()
    net.eval()
    close(net(x)[0], net(x)[0])
    single = layer("LSTM", 3, 5, dropout=0.5)
    close(single(x)[0], single(x)[0])


def test_a_layer_learns_to_remember() -> None:
    """The first of six numbers is the answer: only what is carried from step to step knows it."""
    pe.manual_seed(0)
    net, head = nn.LSTM(1, 16, batch_first=True), nn.Linear(16, 1)
    optimizer = pe.optim.Adam([*net.parameters(), *head.parameters()], lr=0.01)
    rng = np.random.default_rng(0)
    for _ in range(250):
        x = pe.tensor(rng.uniform(-1, 1, (32, 6, 1)).astype(np.float32))
        loss = ((head(net(x)[1][0][0]) - x[:, 0]) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.03  # the variance of the answers is 0.33


# --- packing


def test_packing_there_and_back() -> None:
    x = pe.tensor(drawn(4, 3, 2), requires_grad=True)
    packed = pack_padded_sequence(x, pe.tensor([2, 4, 1]), enforce_sorted=False)
    assert isinstance(packed, PackedSequence)
    assert packed.batch_sizes.tolist() == [3, 2, 1, 1]
    assert packed.sorted_indices.tolist() == [1, 0, 2]
    out, lengths = pad_packed_sequence(packed, padding_value=-1.0, total_length=6)
    assert lengths.tolist() == [2, 4, 1]
    want = np.full((6, 3, 2), -1.0)
    for i, n in enumerate((2, 4, 1)):
        want[:n, i] = x.detach().numpy()[:n, i]
    close(out, want)
    out.sum().backward()
    close(x.grad, (np.arange(4)[:, None, None] < np.array([2, 4, 1])[:, None]) * np.ones((4, 3, 2)))


def test_padding_on_either_side() -> None:
    parts = [pe.tensor([1.0, 2.0]), pe.tensor([3.0])]
    close(pad_sequence(parts), [[1.0, 3.0], [2.0, 0.0]])
    close(pad_sequence(parts, batch_first=True, padding_value=9.0, padding_side="left"), [[1.0, 2.0], [9.0, 3.0]])


# --- what is refused


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([3, 5], r"lengths\[1\] is 5, longer than the 4 steps there are"),
        ([3, 0], r"lengths\[1\] is 0, no length; each has a step or more"),
        ([3], "2 sequences need as many lengths"),
        ([1.5, 1.0], "whole numbers"),
        ([2, 3], r"lengths \[2, 3\] do not fall; .* enforce_sorted=False"),
    ],
)
def test_lengths_that_cannot_be(lengths, message) -> None:
    with pytest.raises(ValueError, match=message):
        pack_padded_sequence(pe.zeros(4, 2, 3), lengths)


def test_packing_refuses() -> None:
    with pytest.raises(ValueError, match="needs axes of steps and sequences"):
        pack_padded_sequence(pe.zeros(4), [4])
    with pytest.raises(ValueError, match="a sequence of 2 steps is longer than 1"):
        pad_packed_sequence(pack_sequence([pe.zeros(2)]), total_length=1)
    with pytest.raises(ValueError, match="differ in their first axis alone"):
        pad_sequence([pe.zeros(2, 3), pe.zeros(2, 4)])
    with pytest.raises(ValueError, match="padding_side is 'right' or 'left'"):
        pad_sequence([pe.zeros(2)], padding_side="both")


def test_layers_refuse() -> None:
    net = nn.LSTM(3, 4)
    with pytest.raises(ValueError, match="LSTM: the input has 2 features, this layer takes 3"):
        net(pe.zeros(5, 1, 2))
    with pytest.raises(ValueError, match=r"LSTM: the input is \(steps, sequences, features\)"):
        net(pe.zeros(5))
    with pytest.raises(ValueError, match="a sequence has one step or more"):
        net(pe.zeros(0, 2, 3))
    with pytest.raises(TypeError, match=r"the state is a pair \(h_0, c_0\), not Tensor"):
        net(pe.zeros(5, 2, 3), pe.zeros(1, 2, 4))
    with pytest.raises(ValueError, match=r"c_0 must be of shape \(1, 2, 4\), not \(1, 1, 4\)"):
        net(pe.zeros(5, 2, 3), (pe.zeros(1, 2, 4), pe.zeros(1, 1, 4)))
    with pytest.raises(ValueError, match=r"h_0 must be of shape \(1, 4\), not \(1, 2, 4\)"):
        nn.GRU(3, 4)(pe.zeros(5, 3), pe.zeros(1, 2, 4))
    with pytest.raises(ValueError, match=r"h_0 must be of shape \(1, 2, 4\), not \(1, 3, 4\)"):
        nn.GRU(3, 4)(pack_sequence([pe.zeros(2, 3), pe.zeros(1, 3)]), pe.zeros(1, 3, 4))
    with pytest.raises(ValueError, match="packed elements are vectors of features"):
        nn.GRU(3, 4)(pack_sequence([pe.zeros(2, 3, 3)]))
    with pytest.raises(TypeError, match="h_0 is a list, not a tensor"):
        nn.RNN(3, 4)(pe.zeros(5, 2, 3), [0.0])
    with pytest.raises(TypeError, match="linear: the input is float64, the weight float32"):
        net(pe.zeros(5, 2, 3, dtype="float64"))
    with pytest.raises(ValueError, match="RNNCell: the input is"):
        nn.RNNCell(3, 4)(pe.zeros(2, 2, 3))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.LSTM(0, 4), "LSTM: input_size is a number of features"),
        (lambda: nn.GRUCell(3, -1), "GRUCell: hidden_size is a number of features"),
        (lambda: nn.GRU(3, 4, 0), "GRU: num_layers is an int from 1 on"),
        (lambda: nn.GRU(3, 4, dropout=2.0), "GRU: dropout is a probability"),
        (lambda: nn.LSTM(3, 4, proj_size=2), "LSTM: proj_size is not supported"),
        (lambda: nn.RNN(3, 4, nonlinearity="sin"), "RNN: nonlinearity is 'tanh' or 'relu', not 'sin'"),
    ],
)
def test_arguments_that_cannot_be(make, message) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_what_is_printed() -> None:
    assert "LSTM(3, 4, num_layers=2, bidirectional=True)" in repr(nn.LSTM(3, 4, 2, bidirectional=True))
    assert "RNN(3, 4, nonlinearity='relu')" in repr(nn.RNN(3, 4, nonlinearity="relu"))
    assert "GRUCell(3, 4)" in repr(nn.GRUCell(3, 4))
    assert len(list(itertools.chain(nn.GRU(3, 4, 2).parameters()))) == 8
