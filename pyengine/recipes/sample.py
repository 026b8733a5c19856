"""Letting the language model of a run write."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..data import load_vocab
from ..models import stream
from ..random import Generator
from ..tensor import Tensor
from ..tensor_file import read_tensors
from ..train import BadFileError, run_folder
from .config import read_config
from .recipe import Recipe

START = "\n"  # what an empty prompt stands for


def load_language(folder: Path, recipes: dict[str, Recipe], device: str | None = None) -> tuple[Any, Any]:
    """The model of the run in `folder` with its weights, and its vocabulary; the data are not needed.

    BadFileError or OSError where the run has no language model, or its files cannot be read.
    """
    recipe, settings = read_config(folder, recipes)
    if recipe.language is None:
        writers = ", ".join(name for name, recipe in recipes.items() if recipe.language is not None)
        raise BadFileError(f"{folder}: a run of {recipe.name}, which does not write; these do: {writers}")
    try:
        vocab = load_vocab(folder / run_folder.VOCAB)
    except ValueError as error:
        raise BadFileError(str(error)) from None
    model = recipe.language(settings, vocab)
    path = folder / run_folder.WEIGHTS
    weights, _ = read_tensors(path)
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise BadFileError(f"{path}: not the weights of this run ({error})") from None
    return model.to(device or settings.device), vocab


def sample(
    model: Any,
    vocab: Any,
    prompt: str,
    count: int,
    temperature: float = 0.8,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int | None = None,
    capture: bool = False,
) -> Iterator[str]:
    """What the model writes after `prompt`, piece by piece: texts that follow each other, the prompt not among them.

    An empty prompt is a line's end; `capture` as in `models.generate`. ValueError for a prompt with what the vocabulary
    lacks, and for settings that cannot be: see `models.pick_token`.
    """
    ids = vocab.encode(prompt or START)
    if not ids:
        raise ValueError(f"sample: the prompt {prompt!r} has no tokens to go on from")
    device = next(model.parameters()).device
    start = Tensor([ids], device=device)
    generator = None if seed is None else Generator(seed)
    tokens = stream(model, start, count, temperature, top_k, top_p, generator, capture=capture)
    written = vocab.decode(ids)
    for token in tokens:
        ids.append(int(token[0].item()))
        whole = vocab.decode(ids)
        yield whole[len(written) :]
        written = whole
