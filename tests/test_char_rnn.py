"""A recurrent network on texts: it learns one by heart, goes on with it, and draws as it is told."""

import numpy as np
import pytest

import pyengine as pe
from pyengine import nn, optim
from pyengine.models import CharRNN
from pyengine.random import Generator

TEXT = "the quick brown fox jumps over the lazy dog. "
LETTERS = sorted(set(TEXT))


def ids_of(text: str) -> pe.Tensor:
    return pe.tensor([[LETTERS.index(c) for c in text]])


@pytest.fixture(scope="module")
def reader() -> CharRNN:
    """A model that knows the text by heart."""
    pe.manual_seed(0)
    model = CharRNN(len(LETTERS), hidden_dim=48, num_layers=2)
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    ids = ids_of(TEXT * 2)
    for _ in range(150):
        scores, _ = model(ids[:, :-1])
        loss = nn.functional.cross_entropy(scores.reshape(-1, len(LETTERS)), ids[:, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.15
    return model


def test_it_goes_on_with_a_text_that_it_knows(reader) -> None:
    written = reader.generate(ids_of("the quick"), 30, temperature=0)
    assert "".join(LETTERS[i] for i in written[0].tolist()) == TEXT[:39]


def test_the_state_stands_for_what_was_read(reader) -> None:
    ids = ids_of(TEXT)
    whole, _ = reader(ids)
    first, state = reader(ids[:, :20])
    rest, _ = reader(ids[:, 20:], state)
    np.testing.assert_allclose(
        whole.detach().numpy(), np.concatenate((first.detach().numpy(), rest.detach().numpy()), 1), rtol=1e-4, atol=1e-5
    )


def test_the_same_seed_draws_the_same_text(reader) -> None:
    prompt = ids_of("th").expand(4, -1)
    drawn = [reader.generate(prompt, 20, 2.0, generator=Generator(seed)).tolist() for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]
    assert len({tuple(row) for row in drawn[0]}) > 1


@pytest.mark.parametrize("options", [{"temperature": 0}, {"temperature": 2.0}, {"top_k": 3}])
def test_capturing_changes_no_token(reader, options, recwarn) -> None:
    prompt = ids_of("the").expand(2, -1)
    texts = [reader.generate(prompt, 40, **options, generator=Generator(4), capture=c).tolist() for c in (False, True)]
    assert texts[0] == texts[1]
    assert not recwarn.list


def test_top_k_leaves_the_likeliest_alone(reader) -> None:
    prompt = ids_of("the quick")
    assert reader.generate(prompt, 15, 5.0, top_k=1).tolist() == reader.generate(prompt, 15, 0).tolist()
    best = set(reader(prompt)[0][0, -1].topk(3).indices.tolist())
    drawn = {reader.generate(prompt, 1, 50.0, top_k=3, generator=Generator(s))[0, -1].item() for s in range(40)}
    assert drawn == best


def test_tokens_are_drawn_as_often_as_their_softmax_says() -> None:
    model = CharRNN(3, hidden_dim=4)
    nn.init.zeros_(model.head.weight)
    model.head.bias = nn.Parameter(pe.tensor([0.2, 0.0, 0.8]).log())
    drawn = model.generate(pe.zeros(4000, 1, dtype="int64"), 1, generator=Generator(0))[:, 1]
    counts = np.bincount(drawn.numpy(), minlength=3)
    assert counts[1] == 0
    assert abs(counts[0] / 4000 - 0.2) < 0.02  # three standard deviations


def test_generating_leaves_the_mode_and_drops_nothing() -> None:
    model = CharRNN(5, hidden_dim=8, dropout=0.9)
    prompt = pe.tensor([[1, 2]])
    assert model.generate(prompt, 8, 0).tolist() == model.generate(prompt, 8, 0).tolist()
    assert model.training
    assert model.generate(prompt, 0).tolist() == [[1, 2]]


def test_what_it_refuses() -> None:
    model = CharRNN(5, hidden_dim=8)
    with pytest.raises(ValueError, match=r"takes token ids, int64 \[n, tokens\], not float32 \[1, 2\]"):
        model(pe.zeros(1, 2))
    with pytest.raises(ValueError, match=r"ids.unsqueeze\(0\)"):
        model.generate(pe.tensor([1, 2]), 1)
    with pytest.raises(ValueError, match="CharRNN: a text has one token or more"):
        model.generate(pe.zeros(1, 0, dtype="int64"), 1)
    with pytest.raises(ValueError, match="temperature from 0 on"):
        model.generate(pe.tensor([[1]]), 1, temperature=-1.0)
    with pytest.raises(IndexError):
        model(pe.tensor([[5]]))
    with pytest.raises(ValueError, match="vocab_size is a number from 1 on"):
        CharRNN(0)
