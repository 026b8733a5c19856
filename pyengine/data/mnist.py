"""MNIST and Fashion-MNIST: 60,000 + 10,000 images of 28 x 28 pixels in ten classes."""

from dataclasses import dataclass
from pathlib import Path

from .download import cache_dir, download, places
from .idx import read_idx
from .pixels import PixelDataset

PARTS = ("train", "t10k")
SIZES = {"train": 60_000, "t10k": 10_000}


@dataclass(frozen=True)
class _Source:
    """A data set of four files: its folder's name, where it is published, and the hashes of the files there."""

    name: str
    url: str
    classes: tuple[str, ...]
    hashes: dict[str, str]


MNIST = _Source(
    "mnist",
    "http://yann.lecun.com/exdb/mnist/",
    tuple("0123456789"),
    {
        "train-images-idx3-ubyte.gz": "sha256:440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "train-labels-idx1-ubyte.gz": "sha256:3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "t10k-images-idx3-ubyte.gz": "sha256:8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "t10k-labels-idx1-ubyte.gz": "sha256:f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
)
FASHION = _Source(
    "fashion-mnist",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"),
    {  # the hashes that its page gives
        "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
    },
)


def load_mnist(
    data_dir: str | Path | None = None, flatten: bool = True, url: str | None = None
) -> tuple[PixelDataset, PixelDataset]:
    """MNIST's handwritten digits: 60,000 to train and validate with, 10,000 to test with, in the original order.

    data_dir  a folder with the four IDX files, gzipped or not, or with a folder `mnist` that has them. Without it they
              are looked for in `PYENGINE_DATA`, then among earlier downloads (`PYENGINE_CACHE`), then downloaded, which
              needs the extra `data`
    flatten   images of shape (784,), for linear layers; otherwise (1, 28, 28), for convolutions
    url       another place than the data set's own page to download from; the files must have the published hashes
    Images are float32 in [0, 1], labels 0 to 9. They are kept as bytes: 55 MB in all.
    FileNotFoundError where data_dir lacks the files, ValueError where one is damaged, DownloadError.

    >>> load_mnist("an/empty/folder")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    FileNotFoundError: an/empty/folder: not the files of mnist; missing are train-images-idx3-ubyte.gz, ...

    Credit: Y. LeCun, C. Cortes and C. Burges, "The MNIST database of handwritten digits"; CC BY-SA 3.0.
    """
    return _load(MNIST, data_dir, flatten, url)


def load_fashion_mnist(
    data_dir: str | Path | None = None, flatten: bool = True, url: str | None = None
) -> tuple[PixelDataset, PixelDataset]:
    """Fashion-MNIST's articles of clothing, in the form of MNIST: see `load_mnist`. The folder is `fashion-mnist`.

    FileNotFoundError where data_dir lacks the files, ValueError where one is damaged, DownloadError.

    >>> load_fashion_mnist("an/empty/folder")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    FileNotFoundError: an/empty/folder: not the files of fashion-mnist; missing are ...

    Credit: H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
    Algorithms" (2017); MIT licence.
    """
    return _load(FASHION, data_dir, flatten, url)


def _load(
    source: _Source, data_dir: str | Path | None, flatten: bool, url: str | None
) -> tuple[PixelDataset, PixelDataset]:
    folder = _find(source, data_dir) or _download(source, url or source.url)
    train, test = (_read_part(folder, part, flatten, source.classes) for part in PARTS)
    return train, test


def _find(source: _Source, data_dir: str | Path | None) -> Path | None:
    """The first folder that has all files; None where none has and none was named."""
    for place in places(source.name, data_dir):
        if all(_file(place, name) for name in source.hashes):
            return place
    if data_dir is not None:
        names = ", ".join(name for name in source.hashes if not _file(Path(data_dir), name))
        raise FileNotFoundError(
            f"{data_dir}: not the files of {source.name}; missing are {names} (with .gz or without), here or in a "
            f"folder {source.name}"
        )
    return None


def _file(folder: Path, name: str) -> Path | None:
    return next((p for p in (folder / name, folder / name.removesuffix(".gz")) if p.is_file()), None)


def _download(source: _Source, url: str) -> Path:
    folder = cache_dir() / source.name
    for name, known_hash in source.hashes.items():
        download(url.rstrip("/") + "/" + name, known_hash, folder)
    return folder


def _read_part(folder: Path, part: str, flatten: bool, classes: tuple[str, ...]) -> PixelDataset:
    paths = [_file(folder, f"{part}-{kind}-ubyte.gz") for kind in ("images-idx3", "labels-idx1")]
    arrays = []
    for path, shape in zip(paths, ((SIZES[part], 28, 28), (SIZES[part],)), strict=True):
        assert path is not None
        array = read_idx(path)
        if array.shape != shape or array.dtype.name != "uint8":
            raise ValueError(f"{path}: {array.dtype} of shape {list(array.shape)}; it must be uint8 {list(shape)}")
        arrays.append(array)
    images, labels = arrays
    if labels.max() >= len(classes):
        raise ValueError(f"{paths[1]}: a label is {labels.max()}; labels go from 0 to {len(classes) - 1}")
    return PixelDataset(images, labels, flatten, classes=classes)
