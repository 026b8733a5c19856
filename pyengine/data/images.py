"""Images of one's own, from a folder or an archive."""

from pathlib import Path

from .image_files import read_images
from .pixels import PixelDataset


def load_images(
    path: str | Path, part: str | None = None, size: tuple[int, int] | None = None, flatten: bool = False
) -> PixelDataset:
    """The images (.png, .jpg, .bmp) of a folder, or of an archive (.zip, .tar, .tar.gz, .tar.xz), by class.

    path     has a subfolder for each class, or one for each part (train, test) with the classes below it
    part     the part to read, where there are several
    size     (height, width) that images of another size are brought to; without it all must be of one size
    flatten  samples of shape (channels · height · width,), for linear layers; otherwise (channels, height, width)

    Samples are `(image, label)`: float32 in [0, 1], and the class's number; `classes` has their names, sorted. One
    channel where all images are grey, otherwise three. They are decoded once: their bytes are kept in the cache folder
    (`PYENGINE_CACHE`) until the files change. Needs Pillow: ModuleNotFoundError says how to install it.
    ValueError, naming the file, where one cannot be read or differs in size, where an archive is damaged or not to be
    trusted (with links or files outside of it), where there are no classes or no such part. FileNotFoundError.

    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name, grey in (("dark", 51), ("light", 255)):
    ...         place = Path(folder, name, "one.png")
    ...         place.parent.mkdir()
    ...         Image.new("L", (3, 2), grey).save(place)
    ...     dataset = load_images(folder)
    >>> dataset.classes, dataset[0][0].shape, dataset[1][1]
    (('dark', 'light'), (1, 2, 3), tensor(1))
    """
    found = read_images(path, part, size)
    return PixelDataset(found.images, found.labels, flatten, classes=found.classes)
