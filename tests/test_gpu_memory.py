"""The device "cuda" on a stand-in for a GPU (stand_in_gpu.py): every path keeps the two kinds of arrays apart, and what
comes out is what cudasim, which has the same kernels, computes. And what is said where there is no GPU."""

import sys

import numpy as np
import pytest
from stand_in_gpu import GpuArray, over

import pyengine as pe
from pyengine import gpu_memory, nn, optim
from pyengine.data import DataLoader, TensorDataset


def on_both(compute) -> None:
    got, want = compute("cuda"), compute("cudasim")
    assert len(got) == len(want) > 0
    for g, w in zip(got, want, strict=True):
        np.testing.assert_array_equal(g, w)


def test_tensors_come_and_go(gpu) -> None:
    x = pe.tensor([[1.0, 2.0], [3.0, 4.0]], device="cuda")
    assert isinstance(x.data, GpuArray)
    assert x.device is gpu
    assert repr(x) == "tensor([[1., 2.],\n        [3., 4.]], device=cuda)"
    assert x.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert x[1, 0].item() == 3.0
    assert float(x.sum()) == 10.0
    assert bool((x > 0).all())
    assert isinstance(x.numpy(), np.ndarray)
    assert isinstance(np.asarray(x), np.ndarray)
    back = x.cpu()
    assert back.device.name == "cpu"
    assert isinstance(back.to("cuda").data, GpuArray)
    assert isinstance(back.to("cudasim").data, np.ndarray)
    assert back.tolist() == x.tolist()
    assert pe.tensor(x).tolist() == x.tolist()
    assert isinstance(pe.empty(2, 3, device="cuda").data, GpuArray)
    assert isinstance(pe.from_numpy(np.ones(2), "cuda").data, GpuArray)


def test_memory_is_shared_without_a_copy(gpu) -> None:
    array = over(np.arange(4, dtype=np.float32))
    x = pe.as_tensor(array)
    assert x.device is gpu
    x.mul_(2.0)
    assert array.host.tolist() == [0.0, 2.0, 4.0, 6.0]
    assert x.__cuda_array_interface__["data"] == array.__cuda_array_interface__["data"]
    y = pe.from_dlpack(array)
    y.add_(1.0)
    assert x.tolist() == [1.0, 3.0, 5.0, 7.0]
    assert x.__dlpack_device__() == (2, 0)
    with pytest.raises(RuntimeError, match="detach"):
        pe.ones(2, device="cuda", requires_grad=True).__cuda_array_interface__  # noqa: B018


def test_the_cpu_shares_its_memory_by_dlpack() -> None:
    a = np.zeros(3, np.float32)
    x = pe.from_dlpack(a)
    x[0] = 5.0
    assert a[0] == 5.0
    np.from_dlpack(x)[1] = 6.0
    assert a.tolist() == [5.0, 6.0, 0.0]
    assert not hasattr(x, "__cuda_array_interface__")
    with pytest.raises(TypeError, match="does not speak DLPack"):
        pe.from_dlpack([1.0])


def test_views_and_indices(gpu) -> None:
    def compute(device):
        x = pe.tensor(np.arange(24.0).reshape(2, 3, 4), device=device)
        rows = x[:, [0, 2]]
        chosen = x[x > 5.0]
        turned = x.transpose(0, 2).reshape(4, 6)
        flat = x.transpose(1, 2)[..., 0].reshape(-1)
        x[0, 1] = 7.0
        x[1, pe.tensor([0, 2], device=device)] = pe.zeros(4, device=device, dtype=pe.float64)
        x[x == 7.0] = -1.0
        spread = pe.ones(3, 1, device=device).expand(3, 4) + 1.0
        everything = (rows, chosen, turned, flat, x, spread, x.nonzero(), pe.cat([x, x], 1), x.flip(0))
        return [t.numpy() for t in everything]

    on_both(compute)


def test_gradients_that_are_views_are_not_added_to(gpu) -> None:
    def compute(device):
        x = pe.ones(2, 3, 4, device=device, requires_grad=True)
        w = pe.tensor(np.arange(24.0, dtype=np.float32).reshape(4, 6), device=device)
        y = x.permute(2, 0, 1).reshape(4, 6)
        upstream = w.transpose(0, 1).reshape(4, 6) * 1.0
        y.backward(upstream)
        (x.transpose(0, 1)[:, :, 1:3].reshape(3, 4) * 2.0).sum().backward()
        return [x.grad.numpy(), upstream.numpy(), w.numpy()]

    on_both(compute)


def test_random_numbers(gpu) -> None:
    def compute(device):
        drawn = pe.rand(5, device=device, generator=pe.Generator(3))
        normal = pe.randn(5, device=device, generator=pe.Generator(4))
        whole = pe.randint(0, 9, (6,), device=device, generator=pe.Generator(5))
        order = pe.randperm(7, device=device, generator=pe.Generator(6))
        coins = pe.bernoulli(drawn, pe.Generator(7))
        dropped = nn.functional.dropout(pe.ones(40, device=device), 0.5, True, pe.Generator(8))
        return [t.numpy() for t in (drawn, normal, whole, order, coins, dropped)]

    on_both(compute)


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, optim.RMSprop])
def test_training(gpu, kind, tmp_path) -> None:
    generator = np.random.default_rng(0)
    images = generator.standard_normal((24, 1, 8, 8)).astype(np.float32)
    labels = generator.integers(0, 3, 24)

    def compute(device):
        pe.manual_seed(0)
        head = [nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.2), nn.Linear(64, 3)]
        model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), *head).to(device)
        optimizer = kind(model.parameters(), lr=0.01)
        data = TensorDataset(pe.tensor(images, device=device), pe.tensor(labels, device=device))
        losses = []
        for x, y in DataLoader(data, batch_size=8, shuffle=True, generator=pe.Generator(1)):
            assert x.device.name == device
            loss = nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        path = tmp_path / f"{device}.safetensors"
        pe.save(model.state_dict(), path)
        again = pe.load(path)
        model.load_state_dict(again)
        optimizer.load_state_dict(optimizer.state_dict())
        return [
            np.array(losses),
            *(p.detach().numpy() for p in model.parameters()),
            *(v.numpy() for v in again.values()),
        ]

    on_both(compute)


def test_what_a_gpu_offers(gpu) -> None:
    assert pe.cuda.is_available()
    assert pe.cuda.device_count() == 1
    assert pe.cuda.memory_stats() == {"in_use": 512, "cached": 1024, "free": 1 << 30, "total": 1 << 31}
    start, end = pe.cuda.Event(), pe.cuda.Event()
    start.record()
    end.record()
    assert start.elapsed_time(end) == 1.5
    pe.cuda.synchronize()


# --- where there is no GPU


def without(monkeypatch, **modules) -> str:
    """What asking for the device says."""
    gpu_memory.memory.cache_clear()
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name.replace("__", "."), module)
    monkeypatch.setattr(pe.backend.DEVICES, "_loaded", {"cpu": pe.backend.cpu})
    with pytest.raises(ValueError, match='device "cuda"') as caught:
        pe.device("cuda")
    assert not pe.cuda.is_available()
    assert pe.cuda.device_count() == 0
    assert 'device="cudasim" runs the same kernels without a GPU' in str(caught.value)
    return str(caught.value)


def test_what_is_missing_is_said(monkeypatch) -> None:
    import types

    native, cupy = types.ModuleType("native"), types.ModuleType("cupy")
    cupy.cuda = types.SimpleNamespace(runtime=types.SimpleNamespace(getDeviceCount=lambda: 0))
    assert "built without its kernels" in without(monkeypatch, pyengine___cuda=None)
    assert "pip install 'pyengine[cuda]'" in without(monkeypatch, pyengine___cuda=native, cupy=None)
    assert "there is no GPU" in without(monkeypatch, pyengine___cuda=native, cupy=cupy)

    def no_driver():
        raise RuntimeError("CUDA driver version is insufficient")

    cupy.cuda.runtime.getDeviceCount = no_driver
    said = without(monkeypatch, cupy=cupy)
    assert "CUDA driver version is insufficient" in said
    assert "nvidia-smi" in said


def test_the_names_of_devices_are_listed() -> None:
    with pytest.raises(ValueError, match="unknown device 'tpu'; there are cpu, numpy, cudasim, cuda"):
        pe.device("tpu")
    assert {"cpu", "numpy", "cudasim"} <= set(pe.backend.available())
