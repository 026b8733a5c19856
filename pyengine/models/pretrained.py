"""What files of pretrained weights have in common: a safetensors file, with a config.json beside it."""

import json
from pathlib import Path


def weights_file(path: str | Path) -> Path:
    """The file itself, or of a folder its model.safetensors.

    >>> weights_file("gpt2.safetensors").name
    'gpt2.safetensors'
    """
    path = Path(path)
    return path / "model.safetensors" if path.is_dir() else path


def heads_of(file: Path, key: str, width: int) -> int:
    """The heads of the attention: as `key` of the config.json beside the file says, else one for 64 features each.

    >>> heads_of(Path("nowhere/model.safetensors"), "n_head", 768)
    12
    """
    config = file.with_name("config.json")
    found = json.loads(config.read_bytes()).get(key) if config.is_file() else None
    return int(found) if found else max(1, width // 64)
