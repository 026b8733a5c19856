"""Vocabularies, tokenizers, data sets of tokens, and the loading of texts from files and folders."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyengine as pe
from pyengine.data import (
    BucketBatchSampler,
    CharVocab,
    DataLoader,
    SubwordTokenizer,
    TokenDataset,
    TokenWindows,
    WordVocab,
    causal_mask,
    load_and_split_dataset,
    load_sst2,
    load_tiny_shakespeare,
    load_vocab,
    pad_collate,
    pad_sequences,
    random_split,
    read_text,
    split_words,
)

DATA = Path(os.environ.get("PYENGINE_DATA", "/nowhere"))


def needs(name):
    return pytest.mark.skipif(not (DATA / name).is_dir(), reason=f"PYENGINE_DATA has no {name}")


# --- vocabularies


@given(st.text(min_size=1))
def test_characters_there_and_back(text):
    vocab = CharVocab.build(text)
    ids = vocab.encode(text)
    assert vocab.decode(ids) == text
    assert max(ids) < len(vocab)


def test_a_character_that_is_not_known_is_named():
    with pytest.raises(ValueError, match=r"CharVocab: 'é' is not among its 2 tokens.*build it from text"):
        CharVocab.build("ab").encode("abé")


def test_words_by_frequency_then_letters():
    vocab = WordVocab.build(["b a", "c a!", "A b"])
    assert vocab.tokens == ("<pad>", "<unk>", "a", "b", "!", "c")
    assert vocab.encode("a d B") == [2, 1, 3]
    assert WordVocab.build(["b a", "c a", "a b"], min_frequency=2).tokens[2:] == ("a", "b")
    assert WordVocab.build(["b a", "c a", "a b"], max_size=3).tokens == ("<pad>", "<unk>", "a")


def test_a_vocabulary_without_unk_refuses_unknown_words():
    with pytest.raises(ValueError, match="'dog' is not among its 2 tokens"):
        WordVocab(["<pad>", "cat"]).encode("cat dog")


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: CharVocab.build(""), ValueError, "the text is empty"),
        (lambda: WordVocab.build(["", "  "]), ValueError, "the text is empty"),
        (lambda: WordVocab.build("a b", min_frequency=2), ValueError, "no word occurs 2 times; the most frequent one"),
        (lambda: WordVocab.build("a", max_size=2), ValueError, "max_size from 3 on"),
        (lambda: WordVocab.build([b"a"]), TypeError, "text 0 is a bytes"),
        (lambda: WordVocab(["a", "b", "a"]), ValueError, "'a' is there twice"),
        (lambda: WordVocab([]), ValueError, "no tokens"),
        (lambda: WordVocab(["a", ""]), ValueError, "a character or more"),
        (lambda: CharVocab(["ab"]), ValueError, "single characters, not 'ab'"),
        (lambda: CharVocab.build("ab").decode([2]), ValueError, "no token 2; ids go from 0 to 1"),
        (lambda: CharVocab.build("ab").decode([-1]), ValueError, "no token -1"),
        (lambda: CharVocab.build("ab").encode(7), TypeError, "takes a text, a str, not a int"),
    ],
)
def test_mistakes_with_vocabularies(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("vocab", [CharVocab.build("größer"), WordVocab.build("so gut wie nie")])
def test_saved_and_loaded(tmp_path, vocab):
    vocab.save(tmp_path / "v.json")
    assert load_vocab(tmp_path / "v.json") == vocab
    assert type(vocab).load(tmp_path / "v.json") == vocab
    assert json.loads((tmp_path / "v.json").read_text())["tokens"] == list(vocab.tokens)


@pytest.mark.parametrize(
    "content", ["", "[1]", '{"vocab": "runes", "tokens": ["a"]}', '{"vocab": "words"}', "[" * 9999]
)
def test_what_is_no_vocabulary(tmp_path, content):
    (tmp_path / "v.json").write_text(content)
    with pytest.raises(ValueError, match=r"v\.json: not a vocabulary"):
        load_vocab(tmp_path / "v.json")


def test_a_vocabulary_of_another_kind(tmp_path):
    CharVocab.build("ab").save(tmp_path / "v.json")
    with pytest.raises(ValueError, match="a CharVocab, not a WordVocab"):
        WordVocab.load(tmp_path / "v.json")


def test_words():
    assert split_words("Don't 've n't — “Über-gut”, 3.5!") == [
        "don't", "'ve", "n't", "—", "“", "über", "-", "gut", "”", ",", "3", ".", "5", "!",
    ]  # fmt: skip


# --- subwords

TEXTS = ["the lowest of the low", "newer and newest", "the widest and the new"] * 5


@pytest.mark.parametrize("kind", ["bpe", "wordpiece"])
def test_subwords_there_and_back(tmp_path, kind):
    pytest.importorskip("tokenizers")
    tokenizer = SubwordTokenizer.train(TEXTS, kind, vocab_size=300)
    ids = tokenizer.encode("the newest low")
    assert tokenizer.decode(ids) == "the newest low"
    assert len(tokenizer) <= 300
    assert tokenizer.pad_id == 0
    assert tokenizer.id(tokenizer.token(ids[0])) == ids[0]
    tokenizer.save(tmp_path / "t.json")
    assert SubwordTokenizer.load(tmp_path / "t.json").encode("the newest low") == ids
    with pytest.raises(ValueError, match="there is no token 9999"):
        tokenizer.decode([9999])
    with pytest.raises(ValueError, match="'qqq' is not among"):
        tokenizer.id("qqq")


def test_files_of_gpt2_and_bert(tmp_path):
    pytest.importorskip("tokenizers")
    vocab, merges, words = (tmp_path / name for name in ("vocab.json", "merges.txt", "vocab.txt"))
    # GPT-2 writes a blank before a word as Ġ
    tokens = ["l", "o", "w", "Ġ", "lo", "low", "Ġlow"]
    vocab.write_text(json.dumps({token: i for i, token in enumerate(tokens)}))
    merges.write_text("#version: 0.2\nl o\nlo w\nĠ low\n")
    gpt2 = SubwordTokenizer.from_gpt2(vocab, merges)
    assert gpt2.encode("low low") == [5, 6]
    assert gpt2.decode([5, 6]) == "low low"
    assert gpt2.pad_id is None
    words.write_text("[PAD]\n[UNK]\nlow\n##er\n!\n")
    bert = SubwordTokenizer.from_bert(words)
    assert bert.encode("Lower! high") == [2, 3, 4, 1]
    assert bert.decode([2, 3]) == "lower"
    merges.write_text("not merges at all, just words\n")
    with pytest.raises(ValueError, match="not the files of a tokenizer"):
        SubwordTokenizer.from_gpt2(vocab, merges)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        SubwordTokenizer.from_bert(tmp_path / "none.txt")


def test_mistakes_in_training_a_tokenizer():
    pytest.importorskip("tokenizers")
    with pytest.raises(ValueError, match='"bpe" or "wordpiece", not \'letters\''):
        SubwordTokenizer.train(TEXTS, "letters")
    with pytest.raises(ValueError, match="the text is empty"):
        SubwordTokenizer.train(" ")


def test_without_the_library(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "pyengine\[text\]"'):
        SubwordTokenizer.train(TEXTS)


# --- data sets


def test_windows():
    windows = TokenWindows(pe.arange(10), length=3)
    assert len(windows) == 7
    x, y = windows[6]
    assert (x.tolist(), y.tolist()) == ([6, 7, 8], [7, 8, 9])
    assert windows[-1][1].tolist() == [7, 8, 9]
    strided = TokenWindows(list(range(10)), length=3, stride=3)
    x, y = next(iter(DataLoader(strided, batch_size=9)))
    assert x.tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert y.tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TokenWindows([1, 2, 3], 3), "3 tokens is too short for pieces of 3.*it takes 4"),
        (lambda: TokenWindows([], 1), "0 tokens is too short"),
        (lambda: TokenWindows([1, 2], 0), "from 1 on"),
        (lambda: TokenWindows([[1, 2]], 1), "one row of ids"),
        (lambda: TokenDataset([[1], []], [0, 1]), "sentence 1 has no tokens"),
        (lambda: TokenDataset([[1], []], [0, 1], texts=["a", "…"]), "sentence 1, '…', has no tokens"),
        (lambda: TokenDataset([[1]], [0, 1]), "1 sequences, 2 labels"),
        (lambda: pad_sequences([]), "no sequences"),
        (lambda: pad_sequences([[1, 2]], length=1), "2 tokens does not fit into 1"),
        (lambda: BucketBatchSampler([], 2), "0 lengths"),
    ],
)
def test_mistakes_with_data_sets(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_batches_are_filled_up():
    samples = [([5, 6, 7], 1), (pe.tensor([8]), 0)]
    ids, labels = pad_collate(samples, pad=9)
    assert ids.tolist() == [[5, 6, 7], [8, 9, 9]]
    assert labels.tolist() == [1, 0]
    dataset = TokenDataset([[5, 6, 7], [8], [3, 3]], [1, 0, 1], pad=9)
    ids, labels = next(iter(DataLoader(dataset, batch_size=3)))
    assert ids.tolist() == [[5, 6, 7], [8, 9, 9], [3, 3, 9]]
    assert [t.tolist() for t in dataset[-1]] == [[3, 3], 1]
    assert pad_sequences([[1]], length=3).tolist() == [[1, 0, 0]]


def test_the_mask_of_what_comes_after():
    np.testing.assert_array_equal(causal_mask(4).numpy(), np.triu(np.ones((4, 4), bool), 1))


def test_buckets_have_similar_lengths_and_all_samples():
    lengths = np.random.default_rng(0).integers(1, 50, 203).tolist()
    sampler = BucketBatchSampler(lengths, 8, seed=3)
    first, second = [[b.tolist() for b in sampler] for _ in range(2)]
    assert first != second
    assert first == [b.tolist() for b in BucketBatchSampler(lengths, 8, seed=3)]
    assert len(first) == len(sampler) == 26
    assert sorted(i for b in first for i in b) == list(range(203))
    spread = np.mean([max(lengths[i] for i in b) - min(lengths[i] for i in b) for b in first])
    assert spread < 4  # of lengths from 1 to 49, in batches drawn at random about 38
    assert len(list(BucketBatchSampler(lengths, 8, drop_last=True, seed=0))) == 25
    in_order = [lengths[i] for b in BucketBatchSampler(lengths, 8, shuffle=False) for i in b]
    assert in_order == sorted(lengths)


def test_a_bucketed_walk_goes_on_where_it_was():
    dataset = TokenDataset([[1] * (1 + i % 7) for i in range(40)], list(range(40)))

    def loader():
        return DataLoader(dataset, batch_sampler=BucketBatchSampler(dataset.lengths, 4, seed=1))

    walk = loader()
    rest = iter(walk)
    for _ in range(3):
        next(rest)
    state = walk.state_dict()
    resumed = loader()
    resumed.load_state_dict(state)
    for (_, a), (_, b) in zip(rest, resumed, strict=True):
        assert a.tolist() == b.tolist()


def test_every_part_has_its_share_of_each_class():
    classes = [0] * 60 + [1] * 30 + [2] * 10
    parts = random_split(range(100), [0.7, 0.15, 0.15], seed=0, stratify=classes)
    for part in parts:
        counts = np.bincount([classes[i] for i in part.indices], minlength=3)
        assert np.abs(counts - np.array([0.6, 0.3, 0.1]) * len(part)).max() <= 1.5
    assert sorted(i for part in parts for i in part.indices) == list(range(100))
    again = random_split(range(100), [0.7, 0.15, 0.15], seed=0, stratify=classes)
    assert all((a.indices == b.indices).all() for a, b in zip(parts, again, strict=True))
    with pytest.raises(ValueError, match="100 samples, but stratify has shape"):
        random_split(range(100), [0.5, 0.5], stratify=[0])


# --- files and folders


def reviews(n):
    return "".join(f"a {'fine' if i % 2 else 'dull'} film of {i} words\t{i % 2}\n" for i in range(n))


def test_a_folder_of_texts(tmp_path):
    (tmp_path / "a.tsv").write_text(reviews(40))
    (tmp_path / "b.txt").write_text(reviews(60))
    (tmp_path / "README.txt").write_text("not data")
    splits = load_and_split_dataset(path=str(tmp_path), splits=[0.70, 0.15, 0.15])
    train, _, _ = splits
    assert [len(part) for part in splits] == [70, 15, 15]
    assert (splits.kind, splits.classes) == ("text", ("0", "1"))
    ids, labels = next(iter(DataLoader(train, batch_size=32, shuffle=True)))
    assert ids.shape == (32, 6)
    assert ids.dtype == labels.dtype == pe.int64
    text = train.dataset.texts[train.indices[0]]
    assert splits.vocab.decode(train[0][0].tolist()) == text
    again = load_and_split_dataset(path=str(tmp_path), splits=[0.70, 0.15, 0.15])
    assert all((a.indices == b.indices).all() for a, b in zip(splits, again, strict=True))
    assert "a vocabulary of" in str(splits)


def test_the_vocabulary_is_that_of_the_training_part(tmp_path):
    (tmp_path / "a.tsv").write_text("".join(f"some words own{i}\t{i % 2}\n" for i in range(20)))
    splits = load_and_split_dataset(tmp_path, [0.5, 0.5])
    own = {f"own{i}" for i in splits[0].indices}
    assert set(splits.vocab.tokens) == {"<pad>", "<unk>", "some", "words", *own}
    assert splits[1][0][0].tolist()[2] == 1
    small = load_and_split_dataset(tmp_path, [0.5, 0.5], max_vocab=4, max_length=2)
    assert small.vocab.tokens == ("<pad>", "<unk>", "some", "words")
    assert small[0][0][0].tolist() == [2, 3]


def test_a_subfolder_of_texts_for_each_class(tmp_path):
    for name in ("bad", "good"):
        (tmp_path / name).mkdir()
        for i in range(10):
            (tmp_path / name / f"{i}.txt").write_text(f"quite {name},\nas number {i}\n")
    splits = load_and_split_dataset(tmp_path, [0.5, 0.5])
    assert splits.classes == ("bad", "good")
    assert [part.dataset.labels[part.indices].sum() for part in splits] == [5, 5]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "nothing in this folder can be read; it needs .csv, .tsv, .txt files"),
        ({"a.pdf": "x"}, "nothing in this folder can be read"),
        ({"a.tsv": ""}, "the file is empty"),
        ({"a.tsv": b"\xff\xfe\x00text\t1\n"}, "not a text file in UTF-8"),
        ({"a.txt": "only text here\nand here too\n"}, "needs two columns or more"),
        (
            {"a.tsv": reviews(9), "b.csv": "x y,1,2\n"},
            "are taken together, but a.tsv has the columns 0, 1 and b.csv 0, 1, 2",
        ),
        ({"a.tsv": "".join(f"a text here {i}\t{i}.5\n" for i in range(30))}, "are numbers of 30 values.*not classes"),
        ({"a.tsv": "".join(f"a text here {i}\tname{i}\n" for i in range(30))}, "they are no classes"),
        ({"a.tsv": "".join(f"a text here {i}\tgood\n" for i in range(30))}, "every label in column '1' is 'good'"),
        ({"a.tsv": reviews(9) + "more of a text\t\n"}, "line 10, column '1': the target is missing"),
        ({"a.tsv": reviews(9) + "\t1\n"}, "line 10, column '0': the text is missing"),
    ],
)
def test_mistakes_in_folders(tmp_path, files, message):
    for name, content in files.items():
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=message):
        load_and_split_dataset(tmp_path)


def test_splits_that_do_not_add_up(tmp_path):
    (tmp_path / "a.tsv").write_text(reviews(40))
    with pytest.raises(ValueError, match=r"add up to 0\.9, not to 1"):
        load_and_split_dataset(tmp_path, splits=[0.7, 0.1, 0.1])
    with pytest.raises(FileNotFoundError, match="there is no"):
        load_and_split_dataset(tmp_path / "data")
    with pytest.raises(ValueError, match="max_length is 0"):
        load_and_split_dataset(tmp_path, max_length=0)


def test_reading_text(tmp_path):
    path = tmp_path / "t.txt"
    path.write_bytes("\ufeffÄ play".encode())
    assert read_text(path) == "Ä play"
    for content, message in (
        (b" \n", "the file is empty"),
        (b"\xff\xfe", "not a text file"),
        (b"a\0b", "bytes of zero"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            read_text(path)


# --- known sets


@needs("tinyshakespeare")
def test_tiny_shakespeare():
    train, val = load_tiny_shakespeare()
    assert len(CharVocab.build(train + val)) == 65
    assert (len(train), len(val)) == (1_003_854, 111_540)
    assert train.startswith("First Citizen:\n")


@needs("sst2")
def test_sst2():
    parts = load_sst2()
    assert [len(part) for part in parts] == [6920, 872, 1821]
    assert parts[0][1] == ("apparently reassembled from the cutting room floor of any given daytime soap", 0)


def test_sst2_of_another_form(tmp_path):
    for part in ("train", "dev", "test"):
        (tmp_path / f"{part}.tsv").write_text("a fine film\tgood\n")
    with pytest.raises(ValueError, match=r"train\.tsv, line 1: the label is 'good'; it must be 0 or 1"):
        load_sst2(tmp_path)
    (tmp_path / "train.tsv").write_text("a fine film\n")
    with pytest.raises(ValueError, match="1 columns; it must be two"):
        load_sst2(tmp_path)
