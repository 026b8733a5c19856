"""What comes next? A small GPT reads fifty sentences over and over, and we watch what it believes after three words."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from .. import random
from ..autograd import no_grad
from ..data import DataLoader, TokenWindows, WordVocab, read_text
from ..models import GPT, next_token_loss
from ..tensor import Tensor
from ..train import BadFileError, Callback, Trainer
from ..train.curves import Line, draw_lines
from .job import plain
from .parts import optimizer_of
from .recipe import Job, Recipe, Settings
from .shakespeare import no_inputs

CORPUS = Path(__file__).parents[1] / "data" / "files" / "next_word.txt"
CONTEXT = 12  # words that the model sees
LAYERS, HEADS = 2, 4
PROMPT = "Machine learning is"
HELD_OUT = 10  # of so many sentences the last one is kept back
SHOWN, SAID = 6, 3  # words in the picture, and in the line of an epoch


class Belief(Callback):
    """Notes after each epoch how likely the model takes each word after a prompt, in the row's "belief" and "says".

    prompt  the words before
    words   those whose probabilities are noted
    """

    def __init__(self, vocab: WordVocab, prompt: str, words: Sequence[str]) -> None:
        self.prompt = prompt
        self.words = list(words)
        self.ids = [vocab.id(word) for word in words]
        self.before = vocab.encode(prompt)

    def on_epoch(self, trainer: Trainer, row: dict[str, Any]) -> None:
        """Ask the model."""
        trainer.model.eval()
        device = next(trainer.model.parameters()).device
        with no_grad():
            shares = trainer.model(Tensor([self.before], device=device))[0, -1].softmax(-1).tolist()
        row["belief"] = {word: shares[id] for word, id in zip(self.words, self.ids, strict=True)}
        likeliest = sorted(row["belief"].items(), key=lambda item: -item[1])[:SAID]
        row["says"] = f"{self.prompt} … " + ", ".join(f"{word} {share:.2f}" for word, share in likeliest)


def build(settings: Settings) -> Job:
    """Data, model, loss and optimizer. The seed decides initial weights and the order of the windows."""
    sentences = read_text(CORPUS).splitlines()
    kept = [line for i, line in enumerate(sentences, start=1) if i % HELD_OUT]
    held_out = sentences[HELD_OUT - 1 :: HELD_OUT]
    vocab = WordVocab.build(sentences)
    train, val = (
        TokenWindows(vocab.encode("\n".join(lines)), CONTEXT, 1, settings.device) for lines in (kept, held_out)
    )
    random.manual_seed(settings.seed)
    model = language_model(settings, vocab)
    model.to(settings.device)
    # every word that follows "is" somewhere is a word that may come here
    tokens = vocab.split("\n".join(sentences))
    words = sorted({after for word, after in pairwise(tokens) if word == "is"})
    return Job(
        model=model,
        loss_fn=next_token_loss,
        optimizer=optimizer_of(
            settings.optimizer, model.parameters(), settings.lr, settings.momentum, settings.weight_decay
        ),
        train=DataLoader(train, batch_size=settings.batch_size, shuffle=True, seed=settings.seed),
        val=plain(val),
        test=plain(val),
        metrics={},
        inputs=no_inputs,
        notes=(f"{len(kept)} sentences to learn by heart, {len(held_out)} held out; {len(vocab)} words",),
        vocab=vocab,
        monitor=("train_loss", "min"),  # fifty sentences teach these sentences, not the language
        callbacks=(Belief(vocab, PROMPT, words),),
        drawings=draw_belief,
    )


def language_model(settings: Settings, vocab: WordVocab) -> GPT:
    """The model of a run: what `pyengine sample` fills with its weights."""
    width = settings.hidden
    if width % HEADS:
        raise BadFileError(f"hidden is divided among {HEADS} heads, so it must be a multiple of {HEADS}, not {width}")
    return GPT(len(vocab), CONTEXT, width, LAYERS, HEADS)


def draw_belief(history: Sequence[Mapping[str, Any]]) -> dict[str, bytes]:
    """belief.png: how likely the words were by epoch, of those that were ever likeliest, and the next ones."""
    most = {word: max(row["belief"][word] for row in history) for word in history[0]["belief"]}
    shown = sorted(most, key=lambda word: -most[word])[:SHOWN]
    epochs = [row["epoch"] for row in history]
    lines: list[Line] = [(word, "", epochs, [row["belief"][word] for row in history]) for word in shown]
    return {"belief.png": draw_lines(lines, f"{PROMPT} …", "probability of the next word")}


RECIPE = Recipe(
    name="next-word",
    summary="what comes after three words? A small GPT on fifty sentences, and how its belief moves",
    # Large enough to learn the sentences by heart, which is what they are there for
    defaults=Settings(
        epochs=16, batch_size=16, lr=2e-3, momentum=0.0, weight_decay=0.01, hidden=64, schedule="warmup-cosine",
        model="gpt", optimizer="adamw",
    ),
    build=build,
    models=("gpt",),
    language=language_model,
)  # fmt: skip
