"""`pyengine sample`: let a language model write."""

import json
from typing import Annotated, Any

import typer

import pyengine as pe

from .common import AsJson, DeviceName, Threads, fail, machine, messages
from .runs import RunFolder, _known


def writing(help: str, **rules: Any) -> Any:
    """An option that decides how it writes."""
    return typer.Option(help=help, rich_help_panel="How it writes", **rules)


def sample(
    folder: RunFolder,
    prompt: Annotated[str, writing("The text to go on from.")] = "",
    tokens: Annotated[int, writing("How many characters or words it writes.", min=1)] = 300,
    temperature: Annotated[
        float, writing("Below 1 likely ones come more often; 0: always the likeliest.", min=0)
    ] = 0.8,
    top_k: Annotated[int | None, writing("Draw from so many of the likeliest; else from all.", min=1)] = None,
    top_p: Annotated[float | None, writing("Draw from the likeliest that make up this share together.")] = None,
    seed: Annotated[int | None, writing("The same seed writes the same text.", min=0)] = None,
    device: DeviceName = None,
    threads: Threads = None,
    capture: Annotated[
        bool, machine("Replay each token's kernels without Python between them. Never changes the text.", "--capture")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Let the model of a run write on from a prompt; what it writes is shown as it comes.

    For runs of shakespeare and next-word. The data are not needed: the run folder has the vocabulary.
    """
    from ..recipes import RECIPES
    from ..recipes import sample as sampling

    if top_p is not None and not 0 < top_p <= 1:
        raise typer.BadParameter(f"{top_p}: a share above 0 and at most 1", param_hint="--top-p")
    with messages():
        if threads is not None:
            pe.set_num_threads(threads)
        model, vocab = sampling.load_language(folder, RECIPES, _known(device))
        try:
            known = vocab.encode(prompt or sampling.START)
        except ValueError as error:
            fail(str(error))
        if not known:
            fail(f"the prompt {prompt!r} has no words to go on from; give some by --prompt")
        pieces = sampling.sample(model, vocab, prompt, tokens, temperature, top_k, top_p, seed, capture)
        if as_json:
            typer.echo(json.dumps({"prompt": prompt, "text": "".join(pieces)}))
            return
        typer.echo(prompt, nl=False)
        for piece in pieces:
            typer.echo(piece, nl=False)
        typer.echo()
