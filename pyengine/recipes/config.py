"""config.json: which recipe a run is of, and its settings."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..tensor_file import BadFileError
from ..train.run_folder import CONFIG
from .continued import continued
from .recipe import Plan, Recipe, Settings
from .schedules import CONSTANT


def config_of(recipe: Recipe, settings: Settings, checksum: str | None = None) -> dict[str, Any]:
    """What config.json holds; `checksum` is that of the user's own data."""
    own = {} if checksum is None else {"data_crc32": checksum}
    plan = {} if recipe.plan is None else {"finetune": asdict(recipe.plan)}
    return {"recipe": recipe.name, "settings": asdict(settings), **plan, **own}


def check_data(folder: Path, settings: Settings, checksum: str | None) -> None:
    """BadFileError where the user's data are not those that the run in `folder` was made with."""
    before = json.loads((folder / CONFIG).read_bytes()).get("data_crc32")
    if before != checksum:
        raise BadFileError(
            f"{settings.data}: the file has changed since the run in {folder} was started, so it would be split "
            f"differently: rows that were trained on would be tested on"
        )


def may_change(schedule: str) -> tuple[str, ...]:
    """The settings that a resumed run may change: where its data are, and how long it trains, unless the schedule is
    spread over that."""
    return ("data_dir", "epochs") if schedule == CONSTANT else ("data_dir",)


def what_stays(config: dict[str, Any]) -> dict[str, Any]:
    """The part of a configuration that a checkpoint must agree with."""
    free = may_change(config["settings"]["schedule"])
    return config | {"settings": {key: value for key, value in config["settings"].items() if key not in free}}


def read_config(folder: Path, recipes: dict[str, Recipe]) -> tuple[Recipe, Settings]:
    """The recipe and the settings of the run in `folder`; BadFileError or OSError where they cannot be read."""
    path = folder / CONFIG
    try:
        config = json.loads(path.read_bytes())
        recipe = recipes[config["recipe"]]
        if "finetune" in config:
            plan = Plan(**config["finetune"] | {"freeze": tuple(config["finetune"]["freeze"])})
            recipe = continued(recipe, plan, recipes, folder)
        return recipe, recipe.defaults.changed(**config["settings"])
    except (FileNotFoundError, NotADirectoryError):
        raise BadFileError(f"{folder}: not the folder of a run, which holds a {CONFIG}") from None
    except KeyError as error:
        raise BadFileError(f"{path}: there is no {error} (recipes: {', '.join(recipes)})") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise BadFileError(f"{path}: not the configuration of a run ({error})") from None
