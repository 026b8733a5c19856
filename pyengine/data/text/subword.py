"""Tokenizers of parts of words, by the library `tokenizers`: trained on one's own text, or read from known files."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

BPE, WORDPIECE = "bpe", "wordpiece"
SPECIALS = {BPE: ("<pad>", "<unk>"), WORDPIECE: ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")}


class SubwordTokenizer:
    """Text to the ids of parts of words and back, so that no word is unknown and the vocabulary stays small.

    `train` learns the parts from texts; `from_gpt2` and `from_bert` read the files that come with those models; `save`
    and `load` keep one as JSON. Needs the extra `text` (the library tokenizers): ModuleNotFoundError says how to
    install it. ValueError for an unknown kind, files that are none of a tokenizer, and ids outside of the vocabulary.
    FileNotFoundError for files that are not there.

    R. Sennrich, B. Haddow and A. Birch, "Neural machine translation of rare words with subword units" (2016), BPE;
    M. Schuster and K. Nakajima, "Japanese and Korean voice search" (2012), WordPiece.

    >>> tokenizer = SubwordTokenizer.train(["low lower lowest", "new newer newest"] * 9, vocab_size=300)
    >>> tokenizer.decode(tokenizer.encode("the lowest"))
    'the lowest'
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    @classmethod
    def train(cls, texts: str | Iterable[str], kind: str = BPE, vocab_size: int = 8000, min_frequency: int = 2) -> Self:
        """Learn the parts from texts.

        kind           "bpe": bytes joined by how often they stand together, as in GPT-2; any text can be encoded.
                       "wordpiece": parts of words in lower case, as in BERT; what cannot be encoded is [UNK]
        vocab_size     tokens at most. For "bpe" there are at least 258: 256 bytes, <pad> and <unk>
        min_frequency  how often a pair must occur to be joined
        """
        library = _library()
        if kind not in SPECIALS:
            raise ValueError(f'SubwordTokenizer.train: kind is "{BPE}" or "{WORDPIECE}", not {kind!r}')
        lines = [texts] if isinstance(texts, str) else list(texts)
        if not any(line.strip() for line in lines):
            raise ValueError("SubwordTokenizer.train: the text is empty, so there is nothing to learn")
        specials = list(SPECIALS[kind])
        tokenizer = _empty(library, kind)
        options = {"vocab_size": vocab_size, "min_frequency": min_frequency, "special_tokens": specials}
        if kind == BPE:
            alphabet = library.pre_tokenizers.ByteLevel.alphabet()
            trainer = library.trainers.BpeTrainer(**options, initial_alphabet=alphabet, show_progress=False)
        else:
            trainer = library.trainers.WordPieceTrainer(**options, show_progress=False)
        tokenizer.train_from_iterator(lines, trainer)
        return cls(tokenizer)

    @classmethod
    def from_gpt2(cls, vocab: str | Path, merges: str | Path) -> Self:
        """GPT-2's tokenizer, from its vocab.json and merges.txt."""
        library = _library()
        model = _read(lambda: library.models.BPE.from_file(str(vocab), str(merges)), vocab, merges)
        return cls(_bytes(library, library.Tokenizer(model)))

    @classmethod
    def from_bert(cls, vocab: str | Path, lowercase: bool = True) -> Self:
        """BERT's tokenizer, from its vocab.txt; `lowercase` as in the models called uncased. No [CLS] is added."""
        library = _library()
        model = _read(lambda: library.models.WordPiece.from_file(str(vocab), unk_token="[UNK]"), vocab)  # noqa: S106
        return cls(_words(library, library.Tokenizer(model), lowercase))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """What `save` wrote, or another tokenizer.json of the library."""
        library = _library()
        return cls(_read(lambda: library.Tokenizer.from_file(str(path)), path))

    def save(self, path: str | Path) -> None:
        """Write the tokenizer as JSON."""
        self._tokenizer.save(str(path))

    def __len__(self) -> int:
        return int(self._tokenizer.get_vocab_size())

    def __repr__(self) -> str:
        return f"SubwordTokenizer({len(self)} tokens, {type(self._tokenizer.model).__name__})"

    @property
    def pad_id(self) -> int | None:
        """The id that fills up batches; None where the tokenizer has none, as GPT-2's."""
        found = (self._tokenizer.token_to_id(specials[0]) for specials in SPECIALS.values())
        return next((id for id in found if id is not None), None)

    def id(self, token: str) -> int:
        """The number of a token; ValueError where it is not in the vocabulary."""
        found = self._tokenizer.token_to_id(token)
        if found is None:
            raise ValueError(f"SubwordTokenizer: {token!r} is not among its {len(self)} tokens")
        return int(found)

    def token(self, id: int) -> str:
        """The token of a number; ValueError for a number outside of the vocabulary."""
        found = self._tokenizer.id_to_token(int(id)) if id >= 0 else None
        if found is None:
            raise ValueError(f"SubwordTokenizer: there is no token {id}; ids go from 0 to {len(self) - 1}")
        return str(found)

    def encode(self, text: str) -> list[int]:
        """The ids of a text's parts."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids, without padding and the like."""
        known = [int(id) for id in ids]
        for id in known:
            self.token(id)
        return str(self._tokenizer.decode(known))


def _library() -> Any:
    try:
        import tokenizers
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            'SubwordTokenizer needs the library tokenizers: pip install "pyengine[text]"; CharVocab and WordVocab need '
            "nothing"
        ) from None
    import tokenizers.decoders
    import tokenizers.models
    import tokenizers.normalizers
    import tokenizers.pre_tokenizers
    import tokenizers.trainers

    return tokenizers


def _empty(library: Any, kind: str) -> Any:
    unknown = SPECIALS[kind][1]
    if kind == BPE:
        return _bytes(library, library.Tokenizer(library.models.BPE(unk_token=unknown)))
    return _words(library, library.Tokenizer(library.models.WordPiece(unk_token=unknown)), lowercase=True)


def _bytes(library: Any, tokenizer: Any) -> Any:
    """GPT-2's way to cut: at blanks and kinds of characters, each piece as bytes."""
    tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = library.decoders.ByteLevel()
    return tokenizer


def _words(library: Any, tokenizer: Any, lowercase: bool) -> Any:
    """BERT's way to cut: at blanks and punctuation."""
    tokenizer.normalizer = library.normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = library.pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = library.decoders.WordPiece()
    return tokenizer


def _read(read: Any, *paths: str | Path) -> Any:
    for path in paths:
        if not Path(path).is_file():
            raise FileNotFoundError(f"SubwordTokenizer: there is no file {path}")
    try:
        return read()
    except Exception as error:  # the library raises bare Exceptions
        names = " and ".join(str(path) for path in paths)
        raise ValueError(f"{names}: not the files of a tokenizer ({error})") from None
