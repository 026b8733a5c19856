"""Shakespeare, character by character: a small GPT reads the plays and writes on."""

from collections.abc import Sequence
from pathlib import Path

from .. import random
from ..data import CharVocab, DataLoader, RandomSampler, TokenWindows, Vocab, load_tiny_shakespeare
from ..models import GPT, next_token_loss
from ..train import BadFileError
from ..train.metrics import Array
from .job import plain
from .parts import optimizer_of
from .recipe import Job, Recipe, Settings

CONTEXT = 64  # characters that the model sees
LAYERS, HEADS = 4, 4
STEPS = 250  # in an epoch, at most: no pass over all windows, of which there is one for each character
VALIDATED = 4  # of so many windows one is validated with; all are tested with


def build(settings: Settings) -> Job:
    """Data, model, loss and optimizer. The seed decides initial weights and the windows that are drawn."""
    try:
        text, held_out = load_tiny_shakespeare(settings.data_dir)
        vocab = CharVocab.build(text + held_out)
        train = TokenWindows(vocab.encode(text), CONTEXT, device=settings.device)
        val, test = (
            TokenWindows(vocab.encode(held_out), CONTEXT, CONTEXT * every, settings.device) for every in (VALIDATED, 1)
        )
    except (ValueError, ModuleNotFoundError) as error:
        raise BadFileError(str(error)) from None
    random.manual_seed(settings.seed)
    notes = (f"{len(text):,} characters to train with, the next {len(held_out):,} held out; {len(vocab)} different",)
    return job_of_windows(settings, language_model(settings, vocab), (train, val, test), vocab, notes)


def job_of_windows(
    settings: Settings, model: GPT, windows: Sequence[TokenWindows], vocab: Vocab, notes: tuple[str, ...]
) -> Job:
    """The job of a model that writes, and of windows to train, validate and test with.

    An epoch has as many steps as the text takes to be seen once, by and large, but no more than `STEPS`.
    """
    train, val, test = windows
    once = -(-len(train.tokens) // (train.length * settings.batch_size))
    steps = min(STEPS, once)
    model.to(settings.device)
    sampler = RandomSampler(train, replacement=True, num_samples=steps * settings.batch_size, seed=settings.seed)
    return Job(
        model=model,
        loss_fn=next_token_loss,
        optimizer=optimizer_of(
            settings.optimizer, model.parameters(), settings.lr, settings.momentum, settings.weight_decay
        ),
        train=DataLoader(train, batch_size=settings.batch_size, sampler=sampler),
        val=plain(val),
        test=plain(test),
        metrics={},
        inputs=no_inputs,
        notes=(*notes, f"an epoch is {steps} steps"),
        vocab=vocab,
    )


def language_model(settings: Settings, vocab: CharVocab) -> GPT:
    """The model of a run: what `pyengine sample` fills with its weights."""
    width = settings.hidden
    if width % HEADS:
        raise BadFileError(f"hidden is divided among {HEADS} heads, so it must be a multiple of {HEADS}, not {width}")
    return GPT(len(vocab), CONTEXT, width, LAYERS, HEADS)


def no_inputs(path: Path) -> Array:
    """There is nothing to predict for: BadFileError that says what to do instead."""
    raise BadFileError("this model writes; let it do so by pyengine sample RUN --prompt TEXT")


RECIPE = Recipe(
    name="shakespeare",
    summary="Shakespeare's plays, character by character: a small GPT that writes on",
    # The size and the number of steps are those of the public character-level baseline; see docs/recipes.md
    defaults=Settings(
        epochs=8, batch_size=12, lr=2e-3, momentum=0.0, weight_decay=0.1, hidden=128, schedule="warmup-cosine",
        model="gpt", optimizer="adamw",
    ),
    build=build,
    own=("data_dir",),
    models=("gpt",),
    language=language_model,
)  # fmt: skip
