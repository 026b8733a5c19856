"""IDX files, MNIST from a folder and from a server, other forms of data sets."""

import contextlib
import gzip
import hashlib
import http.server
import os
import threading
from pathlib import Path

import numpy as np
import pytest

import pyengine as pe
from pyengine.data import DataLoader, load_and_split_dataset, load_fashion_mnist, load_mnist, random_split
from pyengine.data import mnist as mnist_module
from pyengine.data.idx import read_idx
from pyengine.data.pixels import PixelDataset

DATA = os.environ.get("PYENGINE_DATA")
needs_mnist = pytest.mark.skipif(not DATA or not (Path(DATA) / "mnist").is_dir(), reason="PYENGINE_DATA has no mnist")
CODES = {"u1": 8, "i1": 9, ">i2": 11, ">i4": 12, ">f4": 13, ">f8": 14}


def idx_bytes(array, code=None):
    array = np.asarray(array)
    code = CODES[array.dtype.str.lstrip("|")] if code is None else code
    return bytes([0, 0, code, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


# --- IDX


@pytest.mark.parametrize("kind", CODES)
@pytest.mark.parametrize("packed", [False, True])
def test_idx_holds_every_type(tmp_path, kind, packed):
    array = np.arange(24).reshape(2, 3, 4).astype(kind)
    data = idx_bytes(array)
    (tmp_path / "a").write_bytes(gzip.compress(data, mtime=0) if packed else data)
    found = read_idx(tmp_path / "a")
    assert found.dtype == array.dtype.newbyteorder("=")
    assert found.dtype.isnative
    assert np.array_equal(found, array)


def test_idx_of_no_samples(tmp_path):
    (tmp_path / "a").write_bytes(idx_bytes(np.zeros((0, 28, 28), np.uint8)))
    assert read_idx(tmp_path / "a").shape == (0, 28, 28)


GOOD = idx_bytes(np.arange(12, dtype=np.uint8).reshape(3, 4))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b"\0\0", "magic number is 0x0000;"),
        (b"\x89PNG\r\n\x1a\n", "magic number is 0x89504e47; that of images is 0x00000803"),
        (b"\0\0\x07" + GOOD[3:], "magic number is 0x00000702"),
        (GOOD[:9], "ends in its header, which should give the lengths of 2 axes"),
        (GOOD[:-1], r"the data end after 11 of the 12 bytes that its header promises, shape \[3, 4\]"),
        (GOOD + b"\0", "more data than the 12 bytes"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "it is damaged"),
        (gzip.compress(GOOD, mtime=0)[:-10], "the gzip archive is damaged or cut off"),
        (gzip.compress(GOOD, mtime=0)[:-5] + b"\0\0\0\0\0", "the gzip archive is damaged or cut off"),
        (b"\x1f\x8bnonsense", "the gzip archive is damaged or cut off"),
    ],
)
def test_corrupt_idx(tmp_path, data, message):
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(ValueError, match=message):
        read_idx(tmp_path / "a")


# --- images kept as bytes


def test_pixels_become_floats():
    images = np.arange(2 * 3 * 4 * 4, dtype=np.uint8).reshape(2, 3, 4, 4)
    dataset = PixelDataset(images, np.array([3, 1], np.uint8), flatten=False)
    image, label = dataset[-1]
    assert (image.shape, label.item(), label.dtype) == ((3, 4, 4), 1, pe.int64)
    assert np.array_equal(image.numpy(), images[1] / np.float32(255))
    batch, labels = next(iter(DataLoader(PixelDataset(images, np.array([3, 1])), batch_size=2)))
    assert (batch.shape, batch.dtype, labels.numpy().tolist()) == ((2, 48), pe.float32, [3, 1])
    assert dataset.to("numpy")[0][0].device == pe.tensor([0.0], device="numpy").device
    with pytest.raises(IndexError, match="no sample 2"):
        dataset[2]


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((2, 3, 3), np.float32), np.zeros(2, int), "images are uint8"),
        (np.zeros((2, 9), np.uint8), np.zeros(2, int), "images are uint8"),
        (np.zeros((2, 3, 3), np.uint8), np.zeros(3, int), "2 images, but labels of shape"),
    ],
)
def test_pixels_that_do_not_fit(images, labels, message):
    with pytest.raises(ValueError, match=message):
        PixelDataset(images, labels)


# --- MNIST


@pytest.fixture
def small(monkeypatch, tmp_path):
    """The files of an MNIST of 30 + 20 images, and the loader told so; its cache is empty."""
    rng = np.random.default_rng(0)
    files = {}
    for part, n in (("train", 30), ("t10k", 20)):
        files[f"{part}-images-idx3-ubyte.gz"] = idx_bytes(rng.integers(0, 256, (n, 28, 28), dtype=np.uint8))
        files[f"{part}-labels-idx1-ubyte.gz"] = idx_bytes(rng.integers(0, 10, n, dtype=np.uint8))
    files = {name: gzip.compress(data, mtime=0) for name, data in files.items()}
    hashes = {name: "sha256:" + hashlib.sha256(data).hexdigest() for name, data in files.items()}
    monkeypatch.setattr(mnist_module, "SIZES", {"train": 30, "t10k": 20})
    monkeypatch.setattr(
        mnist_module, "MNIST", mnist_module._Source("mnist", "http://127.0.0.1:9/", tuple("0123456789"), hashes)
    )
    monkeypatch.delenv("PYENGINE_DATA", raising=False)
    monkeypatch.setenv("PYENGINE_CACHE", str(tmp_path / "cache"))
    return files


def write_files(folder, files):
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.mark.parametrize("below", [".", "mnist"])
def test_mnist_from_a_folder(small, tmp_path, below):
    write_files(tmp_path / "data" / below, small)
    train, test = load_mnist(tmp_path / "data")
    assert (len(train), len(test), train[0][0].shape) == (30, 20, (784,))
    assert load_mnist(tmp_path / "data", flatten=False)[1][0][0].shape == (1, 28, 28)


def test_mnist_unpacked(small, tmp_path):
    write_files(tmp_path / "data", {n.removesuffix(".gz"): gzip.decompress(data) for n, data in small.items()})
    assert len(load_mnist(tmp_path / "data")[0]) == 30


def test_mnist_from_the_environment(small, tmp_path, monkeypatch):
    write_files(tmp_path / "data" / "mnist", small)
    monkeypatch.setenv("PYENGINE_DATA", str(tmp_path / "data"))
    assert len(load_mnist()[0]) == 30


def test_folder_without_the_files(small, tmp_path):
    folder = write_files(tmp_path / "data", small)
    (folder / "t10k-images-idx3-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match=r"missing are t10k-images-idx3-ubyte\.gz \(with \.gz or without\)"):
        load_mnist(folder)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        (
            "train-images-idx3-ubyte.gz",
            np.zeros((29, 28, 28), np.uint8),
            r"shape \[29, 28, 28\]; it must be uint8 \[30",
        ),
        ("t10k-labels-idx1-ubyte.gz", np.full(20, 10, np.uint8), "a label is 10; labels go from 0 to 9"),
    ],
)
def test_files_that_are_not_those_of_mnist(small, tmp_path, name, array, message):
    folder = write_files(tmp_path / "data", small)
    (folder / name).write_bytes(idx_bytes(array))
    with pytest.raises(ValueError, match=message):
        load_mnist(folder)


@needs_mnist
def test_the_real_mnist():
    train, test = load_mnist(Path(DATA) / "mnist")
    assert (train.images.shape, test.images.shape) == ((60000, 1, 28, 28), (10000, 1, 28, 28))
    assert train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert np.bincount(test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert train.images.mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert [len(part) for part in random_split(train, [55000, 5000], seed=0)] == [55000, 5000]


# --- downloading


class Server(http.server.ThreadingHTTPServer):
    """Serves `files`; breaks off after `cut` bytes of an answer; notes the ranges that were asked for."""

    daemon_threads = True

    def __init__(self, files, ranges=True):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.ranges, self.cut, self.asked = files, ranges, None, []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/files"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        name, asked = self.path.rsplit("/", 1)[1], self.headers.get("Range")
        self.server.asked.append((name, asked))
        if name not in self.server.files:
            self.send_error(404)
            return
        data = self.server.files[name]
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.server.ranges else 0
        if start and start >= len(data):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start:][: self.server.cut])

    def log_message(self, *args):
        pass


@pytest.fixture
def serve():
    pytest.importorskip("pooch")
    with contextlib.ExitStack() as stack:

        def started(files, **options):
            server = stack.enter_context(Server(files, **options))
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            return server

        yield started


def cached(tmp_path, pattern="*"):
    return sorted(path.name for path in (tmp_path / "cache" / "mnist").glob(pattern))


def test_mnist_is_downloaded_once(small, serve, tmp_path):
    server = serve(small)
    train, test = load_mnist(url=server.url)
    assert (len(train), len(test)) == (30, 20)
    assert cached(tmp_path) == sorted(small)
    again, _ = load_mnist(url=server.url)
    assert np.array_equal(again.images, train.images)
    assert len(server.asked) == 4


def test_data_dir_is_never_downloaded_to(small, serve, tmp_path):
    server = serve(small)
    with pytest.raises(FileNotFoundError, match="not the files of mnist"):
        load_mnist(tmp_path, url=server.url)
    assert not server.asked


def test_wrong_checksum(small, serve, tmp_path):
    name = "train-images-idx3-ubyte.gz"
    server = serve({**small, name: gzip.compress(b"something else")})
    with pytest.raises(pe.data.DownloadError, match=r"train-images.*not the file that it should be.*hash"):
        load_mnist(url=server.url)
    assert cached(tmp_path) == []
    server.files = small
    assert len(load_mnist(url=server.url)[0]) == 30


@pytest.mark.parametrize("ranges", [True, False])
def test_interrupted_download_goes_on(small, serve, tmp_path, ranges):
    name = "train-images-idx3-ubyte.gz"
    server = serve(small, ranges=ranges)
    server.cut = 20000
    with pytest.raises(pe.data.DownloadError, match=r"the download failed.*first 16384 bytes are kept"):
        load_mnist(url=server.url)
    assert cached(tmp_path) == [f"{name}.part"]
    server.cut = None
    assert len(load_mnist(url=server.url)[0]) == 30
    assert server.asked[:2] == [(name, None), (name, "bytes=16384-")]
    assert cached(tmp_path, "*.part") == []


def test_part_that_is_longer_than_the_file(small, serve, tmp_path):
    name = "train-images-idx3-ubyte.gz"
    (tmp_path / "cache" / "mnist").mkdir(parents=True)
    (tmp_path / "cache" / "mnist" / f"{name}.part").write_bytes(bytes(len(small[name]) + 1))
    assert len(load_mnist(url=serve(small).url)[0]) == 30


def test_part_of_another_file(small, serve, tmp_path):
    """Found out by the hash, and gone by the next call."""
    name = "train-images-idx3-ubyte.gz"
    server = serve(small)
    (tmp_path / "cache" / "mnist").mkdir(parents=True)
    (tmp_path / "cache" / "mnist" / f"{name}.part").write_bytes(b"another")
    with pytest.raises(pe.data.DownloadError, match="not the file that it should be"):
        load_mnist(url=server.url)
    assert len(load_mnist(url=server.url)[0]) == 30


def test_server_that_has_no_such_file_or_is_not_there(small, serve, tmp_path):
    with pytest.raises(pe.data.DownloadError, match=r"the download failed.*404"):
        load_mnist(url=serve({}).url)
    with pytest.raises(pe.data.DownloadError, match="the download failed"):
        load_mnist()  # port 9 of this machine: nobody answers
    assert cached(tmp_path) == []


def test_without_pooch(small, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pooch", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "pyengine\[data\]"; or put the files'):
        load_mnist()


def test_fashion_mnist_is_not_taken_for_mnist(small, tmp_path, monkeypatch):
    write_files(tmp_path / "data" / "mnist", small)
    with pytest.raises(FileNotFoundError, match="not the files of fashion-mnist"):
        load_fashion_mnist(tmp_path / "data")


# --- load_and_split_dataset: .npz


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_npz_of_numbers_is_normalised_by_the_training_rows(tmp_path):
    x = np.random.default_rng(0).normal(5, 3, (40, 3))
    splits = load_and_split_dataset(save(tmp_path / "a.npz", x=x, y=x.sum(1)), [0.5, 0.5])
    rows = splits[0].indices
    assert (splits.kind, splits.task, splits.target) == ("npz", "regression", "y")
    inputs, targets = splits[1].dataset.tensors
    np.testing.assert_allclose(inputs.numpy(), (x - x[rows].mean(0)) / x[rows].std(0), rtol=1e-5, atol=1e-6)
    assert (targets.shape, targets.dtype) == ((40, 1), pe.float32)


def test_npz_of_images(tmp_path):
    images = np.random.default_rng(0).integers(0, 17, (30, 4, 5, 3), dtype=np.uint8)
    splits = load_and_split_dataset(save(tmp_path / "a.npz", images=images, labels=np.arange(30) % 3), flatten=False)
    row = splits[0].indices[0]
    white = images[splits[0].indices].max()
    assert splits.classes == ("0", "1", "2")
    np.testing.assert_array_equal(splits[0][0][0].numpy(), images[row].transpose(2, 0, 1) / np.float32(white))


def test_npz_of_series_and_words(tmp_path):
    x = np.random.default_rng(0).normal(5, 3, (20, 6, 2))
    path = save(tmp_path / "a.npz", series=x, kind=np.array(["up", "down"] * 10))
    splits = load_and_split_dataset(path, target="kind")
    assert (splits.classes, splits[0][0][0].shape) == (("down", "up"), (6, 2))
    training = splits[0].dataset.tensors[0].numpy()[splits[0].indices]
    assert (training.mean(), training.std()) == (pytest.approx(0, abs=1e-6), pytest.approx(1, rel=1e-5))


@pytest.mark.parametrize(
    ("arrays", "options", "error", "message"),
    [
        ({"a": np.ones(3), "b": np.ones(3)}, {}, ValueError, r"which array is what\? It holds a \[3\], b \[3\]"),
        ({"x": np.ones(3), "y": np.ones(3)}, {"target": "z"}, KeyError, "no array 'z'; it holds x"),
        ({"x": np.ones((3, 2)), "y": np.ones(4)}, {}, ValueError, r"inputs x \[3, 2\] and targets y \[4\] do not fit"),
        ({"x": np.array([1, np.nan]), "y": np.arange(2)}, {}, ValueError, r"x\[1\] hold a value that is not finite"),
        ({"x": np.array(["a", "b"]), "y": np.arange(2)}, {}, ValueError, "inputs x must be numbers"),
        ({"x": np.ones(4), "y": np.array([1, 2, 3, np.inf])}, {}, ValueError, "must be finite numbers"),
        ({"x": np.array([{}, {}]), "y": np.arange(2)}, {}, ValueError, "not an .npz file of plain arrays"),
        ({"x": np.ones(3), "y": np.ones(3)}, {"ignore": ["x"]}, ValueError, "are for tables"),
    ],
)
def test_npz_that_will_not_do(tmp_path, arrays, options, error, message):
    path = save(tmp_path / "a.npz", **arrays)
    with pytest.raises(error, match=message):
        load_and_split_dataset(path, [0.5, 0.5], **options)


def test_damaged_npz(tmp_path):
    path = save(tmp_path / "a.npz", x=np.ones(100), y=np.ones(100))
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ValueError, match=r"not an \.npz file"):
        load_and_split_dataset(path)


# --- load_and_split_dataset: IDX


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_with_labels_beside_it(small, tmp_path, suffix, capsys):
    folder = write_files(tmp_path / "data", small)
    labels = gzip.decompress((folder / "train-labels-idx1-ubyte.gz").read_bytes())
    (folder / "train-labels-idx1-ubyte.gz").unlink()
    (folder / f"train-labels-idx1-ubyte{suffix}").write_bytes(labels)
    splits = load_and_split_dataset(folder / "train-images-idx3-ubyte.gz", seed=1)
    assert (splits.kind, [len(part) for part in splits], splits[0][0][0].shape) == ("idx", [22, 4, 4], (784,))
    row = int(splits[2].indices[0])
    assert splits.classes[splits[2][0][1].item()] == str(labels[8 + row])
    splits.describe()
    assert "images of 28 x 28 pixels, 1 channel, 0 to 1: inputs [784]" in capsys.readouterr().out


def test_idx_without_labels(small, tmp_path):
    folder = write_files(tmp_path / "data", small)
    with pytest.raises(ValueError, match=r"uint8 of shape \[30\]; name the file of the images"):
        load_and_split_dataset(folder / "train-labels-idx1-ubyte.gz")
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(idx_bytes(np.zeros(29, np.uint8)))
    with pytest.raises(ValueError, match=r"labels of shape \[29\] for 30 images"):
        load_and_split_dataset(folder / "train-images-idx3-ubyte.gz")
    (folder / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match=r"looked for in train-labels-idx1-ubyte\.gz beside it"):
        load_and_split_dataset(folder / "train-images-idx3-ubyte.gz")


# --- load_and_split_dataset: folders of images


@pytest.fixture
def images(tmp_path):
    """Ten grey and ten coloured PNG files of 5 x 4 pixels, and what is in them."""
    image_module = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (20, 5, 4, 3), dtype=np.uint8)
    for i, image in enumerate(pixels):
        place = tmp_path / "pictures" / ("cats", "dogs")[i // 10]
        place.mkdir(parents=True, exist_ok=True)
        image_module.fromarray(image).save(place / f"{i:02}.png")
    return tmp_path / "pictures", pixels


def test_folder_of_images(images):
    folder, pixels = images
    (folder / ".hidden").mkdir()
    (folder / "cats" / "notes.txt").write_text("not an image")
    splits = load_and_split_dataset(folder, flatten=False)
    assert (splits.kind, splits.classes) == ("images", ("cats", "dogs"))
    for part in splits:
        for i, row in enumerate(part.indices):
            image, label = part[i]
            assert label.item() == row // 10
            np.testing.assert_array_equal(image.numpy(), pixels[row].transpose(2, 0, 1) / np.float32(255))


def test_grey_and_jpeg_images(tmp_path):
    image_module = pytest.importorskip("PIL.Image")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        image_module.fromarray(np.full((8, 8), 51, np.uint8)).save(tmp_path / name / "one.png")
        image_module.fromarray(np.full((8, 8), 51, np.uint8)).save(tmp_path / name / "two.JPG")
    splits = load_and_split_dataset(tmp_path, [0.5, 0.5], flatten=False)
    for part in splits:
        for i in range(2):
            np.testing.assert_allclose(part[i][0].numpy(), np.full((1, 8, 8), 0.2), atol=1.01 / 255)  # JPEG is lossy
    image_module.fromarray(np.full((8, 8, 3), 51, np.uint8)).save(tmp_path / "a" / "three.png")
    assert load_and_split_dataset(tmp_path, [0.5, 0.5], flatten=False)[0][0][0].shape == (3, 8, 8)


def test_folders_that_will_not_do(images, tmp_path):
    folder, pixels = images
    image_module = pytest.importorskip("PIL.Image")
    with pytest.raises(ValueError, match="target and task are fixed"):
        load_and_split_dataset(folder, target="cats")
    image_module.fromarray(pixels[0, :4]).save(folder / "dogs" / "small.png")
    with pytest.raises(ValueError, match=r"small\.png: 4 x 4 pixels, others have 5 x 4"):
        load_and_split_dataset(folder)
    (folder / "dogs" / "small.png").write_bytes(b"\x89PNG, but no")
    with pytest.raises(ValueError, match=r"small\.png: not an image that can be read"):
        load_and_split_dataset(folder)
    (folder / "birds").mkdir()
    with pytest.raises(ValueError, match=r"birds: there is no image here; known are \.png"):
        load_and_split_dataset(folder)
    (tmp_path / "none").mkdir()
    with pytest.raises(ValueError, match="nothing in this folder can be read"):
        load_and_split_dataset(tmp_path / "none")
