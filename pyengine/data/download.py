"""Downloading data files: checked, kept, shown as they come, and gone on with where they were cut off."""

import os
from pathlib import Path
from types import ModuleType
from typing import Any

TIMEOUT = (10, 60)  # seconds to connect, and to wait for more
_CHUNK = 1 << 14  # what is lost at most where a download breaks off


class DownloadError(OSError):
    """A file that could not be had, or is not the one that was asked for."""


def cache_dir() -> Path:
    """Where downloads are kept: `PYENGINE_CACHE`, else pyengine in the user's cache folder.

    >>> import os
    >>> before = os.environ.get("PYENGINE_CACHE")
    >>> os.environ["PYENGINE_CACHE"] = "/tmp/kept"
    >>> cache_dir()
    PosixPath('/tmp/kept')
    >>> _ = os.environ.pop("PYENGINE_CACHE") if before is None else os.environ.update(PYENGINE_CACHE=before)
    """
    chosen = os.environ.get("PYENGINE_CACHE")
    return Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pyengine"


def places(name: str, data_dir: str | Path | None) -> list[Path]:
    """The folders where the files of the data set `name` may be: below or in `data_dir`; without one, below
    `PYENGINE_DATA` and where downloads are kept.

    >>> places("mnist", "/data")
    [PosixPath('/data/mnist'), PosixPath('/data')]
    """
    if data_dir is not None:
        return [Path(data_dir) / name, Path(data_dir)]
    set_by_user = os.environ.get("PYENGINE_DATA")
    return [*([Path(set_by_user) / name] if set_by_user else []), cache_dir() / name]


def download(url: str, known_hash: str, folder: str | Path) -> Path:
    """The file at `url`, from `folder` where it is there already with this hash, otherwise fetched into it.

    known_hash  such as "sha256:…" or "md5:…"
    What came before a download broke off stays in `<name>.part`; the next call asks for the rest. Only a whole file
    of the right hash ever gets its name. Needs the extra `data`: ModuleNotFoundError says how to install it.
    DownloadError where the file cannot be had, breaks off, or has another hash.
    """
    pooch = _pooch()
    folder = Path(folder)
    name = url.rsplit("/", 1)[1]
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel("WARNING")  # the bar says the rest
    try:
        found = pooch.retrieve(url, known_hash, fname=name, path=folder, downloader=_Resuming(folder / f"{name}.part"))
    except ValueError as error:
        raise DownloadError(f"{url}: not the file that it should be, nothing is kept ({error})") from None
    finally:
        logger.setLevel(level)
    return Path(found)


class _Resuming:
    """A downloader for pooch, which gives the name of a temporary file, then checks that file and moves it."""

    def __init__(self, part: Path) -> None:
        self.part = part

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        import requests

        try:
            self._fetch(requests, url)
        except requests.RequestException as error:
            have = self.part.stat().st_size if self.part.exists() else 0
            kept = f"; its first {have} bytes are kept, and the next call goes on from there" if have else ""
            raise DownloadError(f"{url}: the download failed ({error}){kept}") from error
        os.replace(self.part, output_file)

    def _fetch(self, requests: ModuleType, url: str) -> None:
        have = self.part.stat().st_size if self.part.exists() else 0
        # bytes as they are stored: compressed on the way they could not be counted
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            if have and response.status_code == requests.codes.requested_range_not_satisfiable:
                self.part.unlink()  # there is nothing behind its end: it is of another file, or lacks only its check
            else:
                response.raise_for_status()
                go_on = response.status_code == requests.codes.partial_content
                self._write(response, have if go_on else 0)
                return
        self._fetch(requests, url)

    def _write(self, response: Any, have: int) -> None:
        # slow to import, as requests and pooch are, and not needed until now
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

        length = response.headers.get("Content-Length")
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        console = Console(stderr=True)
        with (
            self.part.open("ab" if have else "wb") as file,
            Progress(*columns, console=console, disable=not console.is_terminal) as progress,
        ):
            total = have + int(length) if length else None
            task = progress.add_task(self.part.stem, total=total, completed=have)
            for chunk in response.iter_content(_CHUNK):
                file.write(chunk)
                progress.advance(task, len(chunk))


def _pooch() -> ModuleType:
    try:
        import pooch
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            'downloading needs pooch: pip install "pyengine[data]"; or put the files into a folder of your own and '
            "name it by data_dir, --data-dir or PYENGINE_DATA"
        ) from None
    return pooch
