"""Fine-tuning: a run that goes on from another one, beside a run from scratch on the same data for as many steps."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..files import write_json
from ..tensor_file import read_tensors
from ..train import BadFileError, Callback, run_folder
from .config import read_config
from .continued import HEADS, continued
from .recipe import Job, Plan, Recipe, Settings
from .run import Result, run

SCRATCH = "scratch"  # the folder, in that of the fine-tuned run
NAME = "finetune.json"
FINER = 5.0  # times smaller than from scratch: what is known is to be changed, not shaken off


@dataclass(frozen=True)
class Comparison:
    """A fine-tuned run and the one from scratch; `scratch` is None where Ctrl-C ended the first.

    classes  of a classifier; 0 elsewhere
    rates    the learning rates of both
    """

    tuned: Result
    scratch: Result | None
    classes: int
    rates: tuple[float, float]

    @property
    def figure(self) -> tuple[str, int]:
        """The name of the figure by which they are compared, and 1 or -1: whether more or less of it is better."""
        return ("accuracy", 1) if self.classes else ("loss", -1)

    @property
    def gain(self) -> float:
        """How much better the fine-tuned model is on the test data; negative where it is worse."""
        name, sign = self.figure
        assert self.scratch is not None
        gain: float = sign * (self.tuned.metrics[f"test_{name}"] - self.scratch.metrics[f"test_{name}"])
        return gain

    def to_json(self) -> dict[str, Any]:
        """Both runs' figures, what they differ by, and by which figure they are compared."""
        found: dict[str, Any] = {"folder": str(self.tuned.folder), "fine_tuned": None, "from_scratch": None}
        for name, result, lr in zip(
            ("fine_tuned", "from_scratch"), (self.tuned, self.scratch), self.rates, strict=True
        ):
            if result is not None:
                found[name] = {**result.metrics, "lr": lr, "folder": str(result.folder)}
        if self.scratch is not None:
            found |= {"compared_by": f"test_{self.figure[0]}", "gain": self.gain, "better": self.gain > 0}
        return found


def plan_of(
    folder: Path,
    data: str,
    recipes: dict[str, Recipe],
    given: Mapping[str, Any],
    fraction: float = 1.0,
    freeze: Sequence[str] = (),
    keep_head: bool = False,
) -> tuple[Recipe, Settings, Plan]:
    """The recipe of the run in `folder`, the settings with which it goes on, and how.

    data   the name of a recipe, whose data are taken, or a file or folder
    given  settings that are not the run's; without "lr" it is a fifth of the run's, without "seed" the run's own, so
           that what it was tested on is not trained on where the data are the same
    BadFileError where the folder has no run, or one of a model without a head; LookupError for data that there are not;
    ValueError for a setting that cannot be.
    """
    recipe, before = read_config(folder, recipes)
    if before.model not in HEADS:
        raise BadFileError(
            f"{folder}: its model is {before.model}, which has no body and head that could be told apart; runs of "
            f"{', '.join(HEADS)} can be fine-tuned"
        )
    on = data if data in recipes else None
    path = None if on else Path(data).resolve()
    if path is not None and not path.exists():
        raise LookupError(f"there is no file or folder {data!r}, and no recipe of that name: {', '.join(recipes)}")
    lr = recipe.plan.lr if recipe.plan is not None else before.lr
    fixed = {"data_dir": None, "target": None, "missing": "refuse", "ignore": "", "data": None if on else str(path)}
    settings = before.changed(**{**fixed, "lr": lr / FINER, **given})
    plan = Plan(str(folder.resolve()), on, fraction, tuple(freeze), keep_head, lr)
    return recipes[recipe.name], settings, plan


def finetune(
    recipe: Recipe,
    settings: Settings,
    plan: Plan,
    recipes: dict[str, Recipe],
    out: Path | None = None,
    callbacks: Sequence[Callback] = (),
    started: Callable[[Recipe, Settings, Job], None] = lambda recipe, settings, job: None,
) -> Comparison:
    """Go on from the run by `plan_of`'s plan, then train from scratch: same data, seed and number of steps.

    Two run folders: `out`, as in `run_folder.claim`, and in it "scratch"; and there finetune.json with both figures.
    """
    kept = Path(plan.run)
    weights, _ = read_tensors(kept / run_folder.WEIGHTS)
    tuned = continued(recipe, plan, recipes, kept, weights)
    scratch = continued(recipe, Plan(**{**asdict(plan), "scratch": True}), recipes, kept)
    classes, rates = 0, (settings.lr, plan.lr)

    def heard(recipe: Recipe, settings: Settings) -> Callable[[Job], None]:
        def hear(job: Job) -> None:
            nonlocal classes
            classes = len(job.classes)
            started(recipe, settings, job)

        return hear

    first = run(tuned, settings, out, callbacks, started=heard(tuned, settings))
    if first.interrupted:
        return Comparison(first, None, classes, rates)
    other = settings.changed(lr=plan.lr)
    second = run(scratch, other, first.folder / SCRATCH, callbacks, started=heard(scratch, other))
    comparison = Comparison(first, second, classes, rates)
    write_json(first.folder / NAME, comparison.to_json())
    return comparison
