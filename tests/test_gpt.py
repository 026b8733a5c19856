"""GPT: GPT-2's layout and outputs, writing with and without a cache, how tokens are chosen, and mistakes."""

import json
import sys

import numpy as np
import pytest

import pyengine as pe
from pyengine.models import GPT, generate, next_token_loss, pick_token
from pyengine.random import Generator
from pyengine.tensor_file import BadFileError

writing = sys.modules["pyengine.models.generate"]  # the package has the function of that name
SMALL = {"vocab_size": 11, "n_positions": 16, "n_embd": 12, "n_layer": 2, "n_head": 3}


@pytest.fixture
def model():
    pe.manual_seed(0)
    small = GPT(**SMALL)
    for parameter in small.parameters():  # larger than they begin, so that tokens matter
        with pe.no_grad():
            parameter.mul_(5.0) if parameter.ndim > 1 else parameter.add_(0.1)
    return small.eval()


def test_names_and_sizes_are_those_of_gpt2():
    model = GPT(**SMALL)
    names = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert names["wte.weight"] == (11, 12)
    assert names["wpe.weight"] == (16, 12)
    assert names["h.1.attn.c_attn.weight"] == (12, 36)
    assert names["h.1.mlp.c_fc.weight"] == (12, 48)
    assert names["ln_f.bias"] == (12,)
    assert len(names) == 2 + 2 * 12 + 2
    # the size of the smallest GPT-2, as it is published: 124,439,808; counted from one layer, all are alike
    layer = 12 * 768**2 + 13 * 768
    assert 50257 * 768 + 1024 * 768 + 12 * layer + 2 * 768 == 124_439_808
    one = sum(p.numel() for p in GPT(vocab_size=1, n_positions=1, n_embd=768, n_layer=1).parameters())
    assert one == 2 * 768 + layer + 2 * 768


def test_as_it_is_written_with_torch(model, tmp_path):
    """The same network from torch's own functions, written out here after the paper, with our weights."""
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    w = {name: torch.tensor(t.numpy()).double() for name, t in model.state_dict().items()}
    ids = torch.tensor([[1, 5, 7, 10, 2], [0, 3, 3, 9, 4]])

    def norm(x, name):
        return f.layer_norm(x, (12,), w[f"{name}.weight"], w[f"{name}.bias"])

    def project(x, name):
        return x @ w[f"{name}.weight"] + w[f"{name}.bias"]

    x = w["wte.weight"][ids] + w["wpe.weight"][:5]
    for i in range(2):
        qkv = project(norm(x, f"h.{i}.ln_1"), f"h.{i}.attn.c_attn").split(12, dim=-1)
        q, k, v = (t.view(2, 5, 3, 4).transpose(1, 2) for t in qkv)
        found = f.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(2, 5, 12)
        x = x + project(found, f"h.{i}.attn.c_proj")
        x = x + project(
            f.gelu(project(norm(x, f"h.{i}.ln_2"), f"h.{i}.mlp.c_fc"), approximate="tanh"), f"h.{i}.mlp.c_proj"
        )
    want = norm(x, "ln_f") @ w["wte.weight"].T
    got = model.double()(pe.tensor(ids.numpy())).detach().numpy()
    np.testing.assert_allclose(got, want.numpy(), rtol=1e-9, atol=1e-9)


def test_files_of_transformers(tmp_path):
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    config = transformers.GPT2Config(**SMALL, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
    theirs = transformers.GPT2LMHeadModel(config).eval()
    theirs.save_pretrained(tmp_path, safe_serialization=True)
    ids = np.random.default_rng(0).integers(0, 11, (2, 16))
    with torch.no_grad():
        want = theirs(torch.tensor(ids)).logits.numpy()
    got = GPT.from_gpt2(tmp_path).eval()(pe.tensor(ids)).detach().numpy()
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)


def test_files_of_gpt2(model, tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    arrays = {f"transformer.{name}": t.numpy() for name, t in model.state_dict().items()}
    arrays["lm_head.weight"] = arrays["transformer.wte.weight"]
    arrays["transformer.h.0.attn.bias"] = np.tril(np.ones((1, 1, 16, 16), np.float32))
    safetensors.save_file(arrays, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"n_head": 3}))
    ids = pe.tensor([[1, 5, 7]])
    for again in (GPT.from_gpt2(tmp_path), GPT.from_gpt2(tmp_path / "model.safetensors", n_head=3)):
        np.testing.assert_array_equal(again(ids).detach().numpy(), model(ids).detach().numpy())
    del arrays["transformer.h.1.mlp.c_fc.bias"]
    safetensors.save_file(arrays, tmp_path / "model.safetensors")
    with pytest.raises(BadFileError, match=r"not the weights of a GPT-2 .*missing: h\.1\.mlp\.c_fc\.bias"):
        GPT.from_gpt2(tmp_path)
    with pytest.raises(BadFileError):
        GPT.from_gpt2(tmp_path / "config.json")


def test_every_parameter_learns_and_no_token_sees_those_after_it(model):
    ids = pe.tensor([[1, 5, 7, 10, 2]])
    next_token_loss(model(ids), pe.tensor([[5, 7, 10, 2, 3]])).backward()
    assert all((p.grad != 0).any() for p in model.parameters())
    before = model(ids).detach().numpy()
    after = model(pe.tensor([[1, 5, 7, 4, 4]])).detach().numpy()
    np.testing.assert_allclose(after[:, :3], before[:, :3], rtol=1e-5, atol=1e-6)
    assert (after[:, 3] != before[:, 3]).any()


# --- writing


@pytest.mark.parametrize("options", [{"temperature": 0}, {}, {"top_k": 4, "temperature": 0.7}, {"top_p": 0.8}])
@pytest.mark.parametrize("count", [6, 40])  # within the context of 16, and beyond it
def test_the_cache_changes_no_token(model, options, count):
    ids = pe.tensor([[1, 5, 7], [2, 2, 2]])
    with_cache = generate(model, ids, count, **options, generator=Generator(3))
    without = generate(model, ids, count, **options, generator=Generator(3), use_cache=False)
    assert with_cache.shape == (2, 3 + count)
    assert with_cache.tolist() == without.tolist()
    assert with_cache[:, :3].tolist() == ids.tolist()


@pytest.mark.parametrize("options", [{"temperature": 0}, {}, {"top_k": 4, "temperature": 0.7}, {"top_p": 0.8}])
def test_capturing_changes_no_token(model, options, recwarn):
    ids = pe.tensor([[1, 5, 7], [2, 2, 2]])
    plain, captured = (generate(model, ids, 60, **options, generator=Generator(3), capture=c) for c in (False, True))
    assert captured.tolist() == plain.tolist()
    assert not recwarn.list


def test_captured_tokens_are_replayed_also_when_the_text_is_read_anew(model, monkeypatch):
    made = []
    monkeypatch.setattr(writing, "record", lambda step, **options: made.append(pe.capture(step)) or made[-1])
    generate(model, pe.tensor([[1]]), 100, capture=True)  # a context of 16: anew every 8 tokens
    (step,) = made
    assert len(step.recordings) == 1
    assert "attention" in str(step.plan)


def test_the_default_generator_goes_on_as_it_does_uncaptured(model):
    drawn = []
    for capture in (False, True):
        pe.manual_seed(5)
        generate(model, pe.tensor([[1]]), 20, capture=capture)
        drawn.append(pe.rand(3).tolist())
    assert drawn[0] == drawn[1]


def test_a_model_that_went_wrong_is_noticed(model):
    with pe.no_grad():
        model.wte.weight.fill_(float("nan"))
    for capture in (False, True):
        with pytest.raises(ValueError, match="NaN or infinite"):
            generate(model, pe.tensor([[1]]), 9, capture=capture)


@pytest.mark.parametrize("kind", ["growing", "fixed"])
def test_the_cache_gives_the_same_scores(model, kind):
    ids = pe.tensor([[1, 5, 7, 10, 2, 6]])
    whole = model(ids).detach().numpy()
    cache, fixed = [], model.fixed_cache(1, 9)
    parts = []
    with pe.no_grad():
        for a, b in ((0, 3), (3, 5), (5, 6)):
            parts.append(model(ids[:, a:b], cache if kind == "growing" else fixed.at(pe.arange(a, b))).numpy())
    np.testing.assert_allclose(np.concatenate(parts, 1), whole, rtol=1e-5, atol=1e-5)


def test_a_prompt_longer_than_the_context(model):
    ids = pe.tensor([[i % 11 for i in range(30)]])
    first, second = generate(model, ids, 3, temperature=0), generate(model, ids[:, -16:], 3, temperature=0)
    assert first[:, -3:].tolist() == second[:, -3:].tolist()


def test_generating_leaves_the_mode_and_needs_a_token(model):
    model.train()
    generate(model, pe.tensor([[1]]), 2)
    assert model.training
    with pytest.raises(ValueError, match="needs at least a token"):
        generate(model, pe.zeros(1, 0, dtype="int64"), 2)


def test_tokens_are_drawn_by_their_probabilities():
    scores = np.log(np.array([0.5, 0.3, 0.15, 0.05]))[[2, 0, 3, 1]]  # the likeliest is token 1
    shares = np.exp(scores)
    rows = pe.tensor(np.tile(scores, (20_000, 1)))

    def drawn(**options):
        tokens = pick_token(rows, generator=Generator(0), **options).numpy()
        return np.bincount(tokens, minlength=4) / len(tokens)

    # five standard deviations of a share of 20,000 draws are 0.018
    np.testing.assert_allclose(drawn(), shares, atol=0.018)
    np.testing.assert_allclose(drawn(temperature=0.5), shares**2 / (shares**2).sum(), atol=0.018)
    np.testing.assert_allclose(drawn(top_k=2), [0, 0.625, 0, 0.375], atol=0.018)
    np.testing.assert_allclose(drawn(top_p=0.79), [0, 0.625, 0, 0.375], atol=0.018)
    np.testing.assert_allclose(drawn(top_p=0.81), np.array([0.15, 0.5, 0, 0.3]) / 0.95, atol=0.018)
    assert drawn(temperature=0)[1] == drawn(top_k=1)[1] == drawn(top_p=1e-9)[1] == 1


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: GPT(n_embd=10, n_head=3), ValueError, "10 is none of 3"),
        (lambda: GPT(vocab_size=0), ValueError, "vocab_size is a number from 1 on"),
        (lambda: GPT(**SMALL)(pe.ones(1, 17, dtype="int64")), ValueError, "17 tokens is longer than the context of 16"),
        (lambda: GPT(**SMALL)(pe.ones(1, 2)), ValueError, r"int64 \[n, tokens\], not float32"),
        (lambda: GPT(**SMALL)(pe.tensor([[11]])), IndexError, "position 11 is outside"),
        (lambda: pick_token(pe.tensor([[1.0, float("nan")]])), ValueError, "scores that are NaN or infinite"),
        (
            lambda: generate(GPT(**SMALL), pe.tensor([[1]]), 1, use_cache=False, capture=True),
            ValueError,
            "no recording",
        ),
        (lambda: generate(GPT(**SMALL), pe.tensor([[1]]), 0, top_k=0), ValueError, "top_k is a number of tokens"),
        (lambda: pick_token(pe.zeros(1, 3), temperature=-1), ValueError, "temperature is from 0 on"),
        (lambda: pick_token(pe.zeros(1, 3), top_k=0), ValueError, "top_k is a number of tokens"),
        (lambda: pick_token(pe.zeros(1, 3), top_p=0), ValueError, "top_p is a share above 0"),
    ],
)
def test_mistakes(call, error, message):
    with pytest.raises(error, match=message):
        call()
