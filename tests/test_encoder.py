"""Encoder: BERT's layout and outputs, what fills up is not looked at, and mistakes."""

import json

import numpy as np
import pytest

import pyengine as pe
from pyengine.models import Encoder
from pyengine.tensor_file import BadFileError

SMALL = {
    "vocab_size": 13,
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "max_position_embeddings": 9,
}
IDS = np.array([[2, 5, 7, 12, 3], [2, 1, 3, 0, 0]])
TYPES = np.array([[0, 0, 1, 1, 1], [0, 1, 1, 0, 0]])
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])


@pytest.fixture
def model():
    pe.manual_seed(0)
    small = Encoder(**SMALL)
    for parameter in small.parameters():  # larger than they begin, so that tokens matter
        with pe.no_grad():
            parameter.mul_(5.0) if parameter.ndim > 1 else parameter.add_(0.1)
    return small.eval()


def saved(folder, arrays, **config):
    safetensors = pytest.importorskip("safetensors.numpy")
    safetensors.save_file(arrays, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"num_attention_heads": 3, **config}))


def test_sizes_are_those_of_bert():
    """The smallest BERT as it is published has 109,482,240 numbers; counted from one layer, all are alike."""
    width, inside = 768, 3072
    layer = 4 * (width * width + width) + 2 * width * inside + inside + width + 4 * width
    rows = (30522 + 512 + 2) * width + 2 * width
    assert rows + 12 * layer + width * width + width == 109_482_240
    one = Encoder(vocab_size=1, num_hidden_layers=1, max_position_embeddings=1, type_vocab_size=1)
    assert sum(p.numel() for p in one.parameters()) == 3 * width + 2 * width + layer + width * width + width


@pytest.mark.parametrize("headed", [False, True])
def test_files_of_transformers(tmp_path, headed):
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    config = transformers.BertConfig(**SMALL, initializer_range=0.3)
    theirs = (transformers.BertForSequenceClassification if headed else transformers.BertModel)(config).eval()
    theirs.save_pretrained(tmp_path, safe_serialization=True)
    with torch.no_grad():
        want = (theirs.bert if headed else theirs)(
            torch.tensor(IDS), attention_mask=torch.tensor(MASK), token_type_ids=torch.tensor(TYPES)
        )
    ours = Encoder.from_bert(tmp_path).eval()
    features = ours(pe.tensor(IDS), pe.tensor(TYPES), pe.tensor(MASK))
    seen = MASK.astype(bool)  # what fills up looks at what there is, but nobody looks at what it finds
    np.testing.assert_allclose(features.detach().numpy()[seen], want.last_hidden_state.numpy()[seen], atol=1e-4)
    np.testing.assert_allclose(ours.pooled(features).detach().numpy(), want.pooler_output.numpy(), atol=1e-4)


def test_what_fills_up_changes_nothing(model):
    alone = model(pe.tensor(IDS[1:, :3])).detach().numpy()
    filled = model(pe.tensor(IDS), attention_mask=pe.tensor(MASK)).detach().numpy()
    np.testing.assert_allclose(filled[1:, :3], alone, rtol=1e-5, atol=1e-6)
    bools = model(pe.tensor(IDS), attention_mask=pe.tensor(MASK.astype(bool))).detach().numpy()
    np.testing.assert_array_equal(bools, filled)


def test_every_parameter_learns(model):
    features = model(pe.tensor(IDS), pe.tensor(TYPES))
    (features.square().mean() + model.pooled(features).mean()).backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not (p.grad != 0).any()] == []


def test_files(model, tmp_path):
    arrays = {f"bert.{name}": t.numpy() for name, t in model.state_dict().items()}
    arrays = {name.replace("LayerNorm.weight", "LayerNorm.gamma"): a for name, a in arrays.items()}
    arrays["bert.embeddings.position_ids"] = np.arange(9)[None]
    arrays["classifier.weight"] = np.zeros((2, 12), np.float32)
    saved(tmp_path, arrays)
    want = model(pe.tensor(IDS)).detach().numpy()
    np.testing.assert_array_equal(Encoder.from_bert(tmp_path).eval()(pe.tensor(IDS)).detach().numpy(), want)
    without_pooler = {name: a for name, a in arrays.items() if "pooler" not in name}
    saved(tmp_path, without_pooler)
    np.testing.assert_array_equal(Encoder.from_bert(tmp_path).eval()(pe.tensor(IDS)).detach().numpy(), want)
    del arrays["bert.encoder.layer.1.output.dense.bias"]
    saved(tmp_path, arrays)
    with pytest.raises(BadFileError, match=r"not the weights of a BERT .*encoder\.layer\.1\.output\.dense\.bias"):
        Encoder.from_bert(tmp_path)


def test_what_is_wrong(model):
    with pytest.raises(ValueError, match=r"hidden_size is divided among the heads.*10 is none of 4"):
        Encoder(vocab_size=5, hidden_size=10, num_attention_heads=4)
    with pytest.raises(ValueError, match="num_hidden_layers is a number from 1 on, not 0"):
        Encoder(num_hidden_layers=0)
    with pytest.raises(ValueError, match=r"takes token ids, int64 \[n, tokens\], not float32 \[2, 3\]"):
        model(pe.ones(2, 3))
    with pytest.raises(ValueError, match=r"a text of 10 tokens is longer than 9 .*ids\[:, :9\]"):
        model(pe.zeros(1, 10, dtype="int64"))
    with pytest.raises(ValueError, match=r"attention_mask have the shape of the ids, \(2, 5\), not \(2, 4\)"):
        model(pe.tensor(IDS), attention_mask=pe.tensor(MASK[:, :4]))
    with pytest.raises(IndexError, match="position 13 is outside"):
        model(pe.tensor([[1, 13]]))
