"""Recipes: data, model, loss and optimizer that belong together, ready to run.

`RECIPES` is a plain dict; `pyengine train NAME` looks here.
"""

from . import (
    autoencoder,
    cifar10,
    clip_shapes,
    digits,
    glasses_rings,
    mnist,
    next_word,
    sentiment,
    shakespeare,
    sine,
    tables,
)
from .recipe import Job, Recipe, Settings
from .run import Result, run

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        digits.RECIPE, glasses_rings.RECIPE, mnist.RECIPE, cifar10.RECIPE, autoencoder.RECIPE, sine.RECIPE,
        sentiment.RECIPE, shakespeare.RECIPE, next_word.RECIPE, clip_shapes.RECIPE, tables.DIABETES, tables.TUMOUR,
        tables.TABLE,
    )
}  # fmt: skip

__all__ = ["RECIPES", "Job", "Recipe", "Result", "Settings", "run"]
