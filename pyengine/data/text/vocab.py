"""Vocabularies: which number stands for which character or word."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self, SupportsIndex

from ...files import write_json

PAD, UNK = "<pad>", "<unk>"
_WORD = re.compile(r"\w+(?:['’]\w+)*|['’]\w+|[^\w\s]")


def split_words(text: str) -> list[str]:
    """The words of a text in lower case; each mark of punctuation is a word of its own.

    >>> split_words("It isn't dull, is it?")
    ['it', "isn't", 'dull', ',', 'is', 'it', '?']
    """
    return _WORD.findall(text.lower())


class Vocab:
    """A list of tokens, each known by its place: what `CharVocab` and `WordVocab` have in common.

    tokens  in the order of their ids; ValueError where one occurs twice, is no text or is empty, or there are none

    >>> vocab = WordVocab(["<pad>", "<unk>", "fine", "film"])
    >>> len(vocab), "film" in vocab, vocab.id("film"), vocab.token(2)
    (4, True, 3, 'fine')
    """

    kind: ClassVar[str] = ""

    def __init__(self, tokens: Iterable[str]) -> None:
        self.tokens = tuple(tokens)
        self._ids = {token: i for i, token in enumerate(self.tokens)}
        if not self.tokens:
            raise ValueError(f"{type(self).__name__}: no tokens, so there is nothing to encode with")
        bad = next((token for token in self.tokens if not isinstance(token, str) or not token), None)
        if bad is not None or "" in self._ids:
            raise ValueError(f"{type(self).__name__}: tokens are texts of a character or more, not {bad!r}")
        if len(self._ids) < len(self.tokens):
            twice = next(token for token, count in Counter(self.tokens).items() if count > 1)
            raise ValueError(f"{type(self).__name__}: the token {twice!r} is there twice")

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: object) -> bool:
        return token in self._ids

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.tokens == self.tokens

    def __hash__(self) -> int:
        return hash((self.kind, self.tokens))

    def __repr__(self) -> str:
        shown = ", ".join(repr(token) for token in self.tokens[:6]) + (", …" if len(self) > 6 else "")
        return f"{type(self).__name__}({len(self)} tokens: {shown})"

    def id(self, token: str) -> int:
        """The number of a token; ValueError, with the way out, where it is not in the vocabulary."""
        found = self._ids.get(token)
        if found is None:
            raise ValueError(
                f"{type(self).__name__}: {token!r} is not among its {len(self)} tokens, which were taken from other "
                f"text; build it from text that has all tokens, or leave this one out"
            )
        return found

    def token(self, id: int) -> str:
        """The token of a number; ValueError for a number outside of the vocabulary, TypeError for what is none."""
        if not isinstance(id, SupportsIndex):
            kind = type(id).__name__
            raise TypeError(
                f"{type(self).__name__}: ids are whole numbers, not a {kind}; a batch of texts is decoded text by text"
            )
        if not 0 <= id < len(self):
            raise ValueError(f"{type(self).__name__}: there is no token {id}; ids go from 0 to {len(self) - 1}")
        return self.tokens[id]

    def encode(self, text: str) -> list[int]:
        """The ids of a text's tokens; [] for a text without any."""
        return [self.id(token) for token in self.split(text)]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids: a list, an array, or `tensor.tolist()`. Errors as of `token`."""
        return self.join([self.token(id) for id in ids])

    def split(self, text: str) -> Sequence[str]:
        """The tokens of a text, whether or not they are in the vocabulary; TypeError for what is no text."""
        raise NotImplementedError(f"{type(self).__name__} does not define split()")

    def join(self, tokens: Sequence[str]) -> str:
        """The text of tokens."""
        raise NotImplementedError(f"{type(self).__name__} does not define join()")

    def to_json(self) -> dict[str, Any]:
        """What `save` writes."""
        return {"vocab": self.kind, "tokens": list(self.tokens)}

    def save(self, path: str | Path) -> None:
        """Write the vocabulary as JSON; whole or not at all."""
        write_json(Path(path), self.to_json())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """What `save` wrote; ValueError for a file that holds no vocabulary, or one of another kind."""
        vocab = load_vocab(path)
        if not isinstance(vocab, cls):
            raise ValueError(f"{path}: a {type(vocab).__name__}, not a {cls.__name__}")
        return vocab


class CharVocab(Vocab):
    """Characters by number: `CharVocab.build(text)` takes those that a text has, sorted.

    A character that the vocabulary lacks is a ValueError, from `encode`, that names it; what is no text a TypeError.

    >>> vocab = CharVocab.build("hello")
    >>> vocab.encode("hole"), vocab.decode([1, 0, 2, 2, 3])
    ([1, 3, 2, 0], 'hello')
    >>> vocab.encode("help")
    Traceback (most recent call last):
        ...
    ValueError: CharVocab: 'p' is not among its 4 tokens, which were taken from other text; build it from text that \
has all tokens, or leave this one out
    """

    kind = "characters"

    def __init__(self, tokens: Iterable[str]) -> None:
        super().__init__(tokens)
        long = next((token for token in self.tokens if len(token) != 1), None)
        if long is not None:
            raise ValueError(f"CharVocab: its tokens are single characters, not {long!r}")

    @classmethod
    def build(cls, texts: str | Iterable[str]) -> Self:
        """The vocabulary of all characters in a text, or in several; ValueError where they are empty."""
        found = sorted(set().union(*_texts(cls, texts)))
        if not found:
            raise ValueError("CharVocab.build: the text is empty, so there are no characters to learn")
        return cls(found)

    def split(self, text: str) -> Sequence[str]:
        """The text itself: each character is a token."""
        return _text(self, text)

    def join(self, tokens: Sequence[str]) -> str:
        """Characters one after the other."""
        return "".join(tokens)


class WordVocab(Vocab):
    """Words by number, in lower case: `WordVocab.build(texts)` takes the most frequent ones of some texts.

    <pad>, 0, fills up short sentences of a batch; <unk>, 1, stands for any word that the vocabulary lacks. One whose
    tokens are given without <unk> refuses such words with a ValueError; what is no text is a TypeError.

    >>> vocab = WordVocab.build(["a fine film", "a dull film", "fine!"])
    >>> vocab.tokens
    ('<pad>', '<unk>', 'a', 'film', 'fine', '!', 'dull')
    >>> vocab.encode("A fine plot"), vocab.decode([2, 4, 1])
    ([2, 4, 1], 'a fine <unk>')
    """

    kind = "words"

    @classmethod
    def build(cls, texts: str | Iterable[str], min_frequency: int = 1, max_size: int | None = None) -> Self:
        """The vocabulary of a text's or several texts' words, the most frequent first, those as frequent by letters.

        min_frequency  leave out words that occur less often
        max_size       tokens at most, <pad> and <unk> among them
        ValueError where there are no words, or a limit leaves no room for any.
        """
        if min_frequency < 1 or (max_size is not None and max_size < 3):
            raise ValueError(
                f"WordVocab.build: min_frequency is from 1 on and max_size from 3 on (<pad>, <unk> and a word), not "
                f"{min_frequency} and {max_size}"
            )
        counts = Counter(word for text in _texts(cls, texts) for word in split_words(text))
        if not counts:
            raise ValueError("WordVocab.build: the text is empty, so there are no words to learn")
        words = sorted(
            (word for word, n in counts.items() if n >= min_frequency), key=lambda word: (-counts[word], word)
        )
        if not words:
            raise ValueError(
                f"WordVocab.build: no word occurs {min_frequency} times; the most frequent one occurs "
                f"{max(counts.values())} times"
            )
        return cls([PAD, UNK, *words[: None if max_size is None else max_size - 2]])

    @property
    def pad_id(self) -> int:
        """The id of <pad>; ValueError where the vocabulary has none."""
        return self.id(PAD)

    def id(self, token: str) -> int:
        """The number of a word, that of <unk> where it is not in the vocabulary; ValueError where there is none."""
        return self._ids[token] if token in self._ids else super().id(UNK if UNK in self._ids else token)

    def split(self, text: str) -> Sequence[str]:
        """The words of a text: see `split_words`."""
        return split_words(_text(self, text))

    def join(self, tokens: Sequence[str]) -> str:
        """Words with blanks between, padding left out."""
        return " ".join(token for token in tokens if token != PAD)


KINDS: dict[str, type[Vocab]] = {kind.kind: kind for kind in (CharVocab, WordVocab)}


def load_vocab(path: str | Path) -> Vocab:
    """The vocabulary that `Vocab.save` wrote to `path`; ValueError for a file that holds none.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "vocab.json")
    ...     CharVocab.build("hello").save(path)
    ...     load_vocab(path)
    CharVocab(4 tokens: 'e', 'h', 'l', 'o')
    """
    try:
        found = json.loads(Path(path).read_bytes())
        return vocab_of(found)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"{path}: not a vocabulary that pyengine wrote ({error})") from None


def vocab_of(saved: dict[str, Any]) -> Vocab:
    """The vocabulary of what `to_json` gave; KeyError, TypeError or ValueError for anything else."""
    return KINDS[saved["vocab"]](saved["tokens"])


def _text(vocab: Vocab, text: object) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{type(vocab).__name__}: takes a text, a str, not a {type(text).__name__}")
    return text


def _texts(cls: type[Vocab], texts: str | Iterable[str]) -> list[str]:
    if not isinstance(texts, Iterable):
        raise TypeError(f"{cls.__name__}.build: takes a text or several, not a {type(texts).__name__}")
    found = [texts] if isinstance(texts, str) else list(texts)
    for i, text in enumerate(found):
        if not isinstance(text, str):
            raise TypeError(f"{cls.__name__}.build: text {i} is a {type(text).__name__}, not a str")
    return found
