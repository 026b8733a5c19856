"""Folders and archives of images, what is kept of them, what is refused, and CIFAR-10 in both of its forms."""

import io
import itertools
import os
import stat
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pyengine.data import archives, cifar10, image_files, load_and_split_dataset, load_cifar10, load_images

Image = pytest.importorskip("PIL.Image")
DATA = os.environ.get("PYENGINE_DATA")
needs_cifar = pytest.mark.skipif(not DATA or not (Path(DATA) / "cifar10").is_dir(), reason="PYENGINE_DATA has no cifar")


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("PYENGINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("PYENGINE_DATA", raising=False)
    return tmp_path / "cache" / "images"


def png(pixels, kind="PNG", **options):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


def drawn(n, shape=(5, 4, 3), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


PIXELS = drawn(6)
PETS = {f"{('cat', 'dog')[i // 3]}/{i}.png": png(image) for i, image in enumerate(PIXELS)}


def pack(path, files):
    """An archive of the kind that the name says."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return path
    kind = {".tar": "", ".gz": "gz", ".xz": "xz", ".bz2": "bz2"}[path.suffix]
    with tarfile.open(path, f"w:{kind}") as archive:
        for name, content in files.items():
            member = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def check_pets(dataset):
    assert dataset.classes == ("cat", "dog")
    np.testing.assert_array_equal(dataset.images, PIXELS.transpose(0, 3, 1, 2))
    assert dataset.labels.tolist() == [0, 0, 0, 1, 1, 1]


# --- archives


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz", ".tar.xz", ".tar.bz2"])
@pytest.mark.parametrize("below", ["", "./", "pictures/", "a/b/"])
def test_archives_of_every_kind(tmp_path, suffix, below):
    extra = {f"{below}cat/notes.txt": b"no image", "__MACOSX/cat/._0.png": b"no image", f"{below}cat/.9.png": b"none"}
    files = dict(reversed({**{below + name: content for name, content in PETS.items()}, **extra}.items()))
    path = pack(tmp_path / f"pets{suffix}", files)
    check_pets(load_images(path))
    splits = load_and_split_dataset(path, [0.5, 0.5])
    assert (splits.kind, splits.classes, splits[0][0][0].shape) == ("images", ("cat", "dog"), (60,))


def test_parts_of_an_archive(tmp_path):
    files = {f"all/{part}/{name}": content for part in ("train", "test") for name, content in PETS.items()}
    files["all/test/bird/7.png"] = PETS["cat/0.png"]
    path = pack(tmp_path / "pets.zip", files)
    train, test = load_images(path, "train"), load_images(path, "test")
    assert train.classes == test.classes == ("bird", "cat", "dog")
    assert (train.labels.tolist(), test.labels.tolist()) == ([1, 1, 1, 2, 2, 2], [0, 1, 1, 1, 2, 2, 2])
    with pytest.raises(ValueError, match="which part is to be read\\? It holds test, train"):
        load_images(path)
    with pytest.raises(ValueError, match=r"there is no part 'val'\. It holds test, train"):
        load_images(path, "val")


def link(name, kind):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, "/etc/passwd"
    return member


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../cat/0.png", r"holds a file '../cat/0.png', which lies outside of the archive"),
        ("/tmp/cat/0.png", "which lies outside of the archive"),
        ("cat/../../0.png", "which lies outside of the archive"),
        ("..\\cat\\0.png", "which lies outside of the archive"),
        ("C:/cat/0.png", "which lies outside of the archive"),
        (link("cat/0.png", tarfile.SYMTYPE), "'cat/0.png' is a link or a device"),
        (link("cat/0.png", tarfile.LNKTYPE), "'cat/0.png' is a link or a device"),
        (link("cat/0.png", tarfile.CHRTYPE), "'cat/0.png' is a link or a device"),
    ],
)
def test_hostile_archives(tmp_path, name, message, cache):
    path = pack(tmp_path / "a.tar.gz", {**PETS, name: b""})
    with pytest.raises(ValueError, match=message):
        load_images(path)
    if isinstance(name, str):
        with pytest.raises(ValueError, match=message):
            load_images(pack(tmp_path / "a.zip", {**PETS, name: b""}))
    assert sorted(os.listdir(tmp_path)) in (["a.tar.gz"], ["a.tar.gz", "a.zip"])


def test_a_link_in_a_zip(tmp_path):
    info = zipfile.ZipInfo("cat/9.png")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = pack(tmp_path / "a.zip", {**PETS, info: b"/etc/passwd"})
    with pytest.raises(ValueError, match=r"'cat/9\.png' is a link or a device"):
        load_images(path)


def test_files_that_unpack_to_more_than_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "LARGEST", 10_000)
    monkeypatch.setattr(image_files, "MOST_PIXELS", 100)
    for suffix in (".zip", ".tar.xz"):
        path = pack(tmp_path / f"a{suffix}", {**PETS, "cat/bomb.png": bytes(10_001)})
        with pytest.raises(ValueError, match=r"'cat/bomb.png' has 10,001 bytes; an image has 10,000 at most"):
            load_images(path)
    path = pack(tmp_path / "b.zip", {**PETS, "cat/huge.png": png(np.zeros((11, 10), np.uint8))})
    with pytest.raises(ValueError, match=r"cat/huge.png: not an image that can be read \(11 x 10 pixels are more than"):
        load_images(path)


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz", ".tar.xz", ".tar.bz2"])
def test_archives_cut_off_or_damaged(tmp_path, suffix):
    path = pack(tmp_path / f"a{suffix}", PETS)
    whole = path.read_bytes()
    # the last block of a plain tar is filling, which tarfile adds up to 10,240 bytes
    for length in (0, 3, len(whole) // 2, len(whole) - (9000 if suffix == ".tar" else 10)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"a\..*: not an archive, or it is damaged or cut off"):
            load_images(path)
    if suffix in (".tar.gz", ".tar.xz", ".tar.bz2"):  # their checksums notice, if not the image before
        path.write_bytes(whole[:-60] + bytes([whole[-60] ^ 255]) + whole[-59:])
        with pytest.raises(ValueError, match=r"damaged or cut off|not an image that can be read"):
            load_images(path)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"cat/0.png": b"\x89PNG\r\n\x1a\n and no more"}, r"a.zip, cat/0.png: not an image that can be read"),
        ({"cat/0.png": PETS["cat/0.png"][:60]}, r"a.zip, cat/0.png: not an image that can be read"),
        ({"cat/0.png": b""}, r"a.zip, cat/0.png: not an image that can be read"),
        ({"cat/0.png": png(PIXELS[0], "GIF")}, r"a.zip, cat/0.png: not an image that can be read"),
        ({"0.png": PETS["cat/0.png"]}, "has a subfolder for each class.*; this one has none"),
        ({"notes.txt": b"none"}, "this one has none"),
        ({**PETS, "dog/small/7.png": PETS["cat/0.png"]}, r"in this one images lie \[2, 3\] levels down"),
        (
            {**PETS, "dog/7.png": png(PIXELS[0, :4])},
            r"dog/7.png: 4 x 4 pixels, others have 5 x 4; .*size=\(height, wid",
        ),
    ],
)
def test_images_that_will_not_do(tmp_path, files, message):
    path = pack(tmp_path / "a.zip", files)
    with pytest.raises(ValueError, match=message):
        load_images(path)


def test_an_encrypted_zip(tmp_path):
    path = pack(tmp_path / "a.zip", PETS)
    data = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(signature)
        data[at + flags] |= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"'cat/0\.png' is encrypted"):
        load_images(path)


# --- decoding


def test_sizes_and_modes(tmp_path):
    (tmp_path / "pictures" / "a").mkdir(parents=True)
    grey = np.arange(0, 200, 10, dtype=np.uint8).reshape(4, 5)

    def save(image, **options):
        image.save(tmp_path / "pictures" / "a" / "1.png", **options)
        return load_images(tmp_path / "pictures").images[0]

    np.testing.assert_array_equal(save(Image.fromarray(grey))[0], grey)
    np.testing.assert_array_equal(save(Image.fromarray(grey.astype(np.uint16) * 257))[0], grey)
    np.testing.assert_array_equal(save(Image.fromarray(grey > 100))[0], (grey > 100) * np.uint8(255))
    np.testing.assert_array_equal(save(Image.fromarray(grey).convert("LA"))[0], grey)
    for mode in ("RGB", "RGBA", "P"):
        np.testing.assert_array_equal(save(Image.fromarray(grey).convert(mode)), np.broadcast_to(grey, (3, 4, 5)))
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned a quarter to the right
    np.testing.assert_array_equal(save(Image.fromarray(grey), exif=turned)[0], np.rot90(grey, -1))

    Image.fromarray(np.full((9, 7), 80, np.uint8)).save(tmp_path / "pictures" / "a" / "2.png")
    both = load_images(tmp_path / "pictures", size=(6, 8))
    assert both.images.shape == (2, 1, 6, 8)
    assert (both.images[1] == 80).all()
    assert load_and_split_dataset(tmp_path / "pictures", [0.5, 0.5], size=(3, 3))[0][0][0].shape == (9,)
    np.savez(tmp_path / "a.npz", x=np.ones(4), y=np.ones(4))
    with pytest.raises(ValueError, match="size is for folders and archives of images"):
        load_and_split_dataset(tmp_path / "a.npz", size=(3, 3))


def test_without_pillow(tmp_path, monkeypatch):
    path = pack(tmp_path / "a.zip", PETS)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ModuleNotFoundError, match=r'reading images needs Pillow: pip install "pyengine\[images\]"'):
        load_images(path)


# --- what is kept


@pytest.fixture
def counted(monkeypatch):
    """How many images were decoded."""
    done = []
    decode = image_files._decoded
    monkeypatch.setattr(image_files, "_decoded", lambda *args: (done.append(args[0]), decode(*args))[1])
    return done


@pytest.mark.parametrize("form", ["folder", "archive"])
def test_images_are_decoded_once(tmp_path, counted, cache, form):
    path = tmp_path / "pets"
    for name, content in PETS.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    if form == "archive":
        path = pack(tmp_path / "pets.tar.gz", PETS)
    for _ in range(2):
        check_pets(load_images(path))
        assert len(counted) == 6
    (kept,) = cache.iterdir()

    changed = png(PIXELS[5] // 2)
    if form == "archive":
        pack(path, {**PETS, "dog/5.png": changed})
    else:
        (path / "dog" / "5.png").write_bytes(changed)
    np.testing.assert_array_equal(load_images(path).images[5], PIXELS[5].transpose(2, 0, 1) // 2)
    assert len(counted) == 12
    assert kept not in cache.iterdir()  # what was kept of the older files is gone
    (kept,) = cache.iterdir()

    for damage in (b"", kept.read_bytes()[:-400], kept.read_bytes()[:700] + b"\1" + kept.read_bytes()[701:]):
        kept.write_bytes(damage)
        np.testing.assert_array_equal(load_images(path).images[5], PIXELS[5].transpose(2, 0, 1) // 2)
    assert len(counted) == 30
    load_images(path, size=(5, 4))
    assert len(counted) == 36
    assert len(list(cache.iterdir())) == 2


def test_a_cache_folder_that_cannot_be_written_to(tmp_path, cache):
    cache.parent.write_text("a file where the folder should be")
    check_pets(load_images(pack(tmp_path / "a.zip", PETS)))


# --- CIFAR-10


def batches(per_batch, seed=0):
    """The six files of the binary form, and the images and labels in them."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, (6, per_batch, 1), dtype=np.uint8)
    pixels = rng.integers(0, 256, (6, per_batch, 3072), dtype=np.uint8)
    names = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
    files = {n: np.concatenate([y, x], 1).tobytes() for n, y, x in zip(names, labels, pixels, strict=True)}
    return files, pixels.reshape(6, per_batch, 3, 32, 32), labels[:, :, 0]


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("below", ["", "cifar10"])
def test_cifar10_from_its_binary_form(tmp_path, monkeypatch, packed, below):
    monkeypatch.setattr(cifar10, "IN_A_BATCH", 4)
    files, pixels, labels = batches(4)
    place = tmp_path / "data" / below
    place.mkdir(parents=True)
    if packed:
        # in no order, as the published archive has them, and with files that do not matter
        names = ["data_batch_4.bin", "readme.html", "test_batch.bin", *(f"data_batch_{i}.bin" for i in (1, 2, 3, 5))]
        pack(
            place / "cifar-10-binary.tar.gz",
            {f"cifar-10-batches-bin/{name}": files.get(name, b"<html>") for name in names},
        )
    else:
        (place / "cifar-10-batches-bin").mkdir()
        for name, content in files.items():
            (place / "cifar-10-batches-bin" / name).write_bytes(content)
    train, test = load_cifar10(tmp_path / "data")
    np.testing.assert_array_equal(train.images, pixels[:5].reshape(20, 3, 32, 32))
    np.testing.assert_array_equal(test.images, pixels[5])
    assert train.labels.tolist() == labels[:5].ravel().tolist()
    assert (train.classes[0], train.classes[9], train[0][0].shape) == ("airplane", "truck", (3, 32, 32))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data_batch_3.bin": None}, "data_batch_3.bin is not in it"),
        ({"test_batch.bin": bytes(3073)}, "test_batch.bin: 3,073 bytes; it must be 4 images of 3,073, 12,292 bytes"),
        ({"test_batch.bin": b"\x0a" * 12_292}, "test_batch.bin: a label is 10; labels go from 0 to 9"),
    ],
)
def test_damaged_binary_cifar10(tmp_path, monkeypatch, change, message):
    monkeypatch.setattr(cifar10, "IN_A_BATCH", 4)
    files = {name: content for name, content in {**batches(4)[0], **change}.items() if content is not None}
    pack(tmp_path / "cifar-10-binary.tar.gz", files)
    with pytest.raises(ValueError, match=message):
        load_cifar10(tmp_path)


def test_cifar10_from_image_files(tmp_path, monkeypatch):
    photo = drawn(1, (32, 32, 3))[0]
    files = {f"{part}/{name}/1.png": png(photo) for part in ("train", "test") for name in cifar10.CLASSES}
    place = tmp_path / "data" / "cifar10"
    place.mkdir(parents=True)
    pack(place / "cifar10-jpeg.tar.xz", files)
    monkeypatch.setenv("PYENGINE_DATA", str(tmp_path / "data"))
    train, test = load_cifar10(flatten=True)
    assert (train.labels.tolist(), len(test), test[0][0].shape) == (list(range(10)), 10, (3072,))
    np.testing.assert_array_equal(train.images[3], photo.transpose(2, 0, 1))
    files["train/ufo/1.png"] = png(photo)
    pack(place / "cifar10-jpeg.tar.xz", files)
    with pytest.raises(ValueError, match="truck, ufo; those of cifar10 are"):
        load_cifar10()


@needs_cifar
def test_the_real_cifar10(tmp_path):
    """The first of its files, which are airplanes: to decode all would take as long as many other tests."""
    members = archives.read_members(Path(DATA) / "cifar10" / "cifar10-jpeg.tar.xz", lambda name: True)
    found = load_images(pack(tmp_path / "some.tar", dict(itertools.islice(members, 300))))
    assert (found.classes, found.images.shape) == (("airplane",), (300, 3, 32, 32))
    red, green, blue = found.images.mean((0, 2, 3)) / 255
    assert 0.45 < red < green < blue < 0.65  # the sky
