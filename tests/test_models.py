"""The networks: their sizes, their gradients reach every parameter, and torch agrees where it is installed."""

import numpy as np
import pytest

import pyengine as pe
from pyengine import nn, optim
from pyengine.models import VAE, Autoencoder, LeNet, ResNet, reconstruction_loss, vae_loss


def size(model):
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        (lambda: LeNet(), 61_706),
        (lambda: LeNet(classes=2, side=32), 82_146),
        (lambda: ResNet(20), 269_722),
        (lambda: ResNet(32), 464_154),
        (lambda: ResNet(56, classes=100), 858_868),
        (lambda: VAE(), 652_824),
        (lambda: Autoencoder(16), 65_025),
    ],
)
def test_sizes(model, parameters):
    """Of LeNet and the residual networks as in their papers; the others counted by hand in the docstrings."""
    assert size(model()) == parameters


MODELS = {
    "lenet": (lambda: LeNet(classes=3, channels=2, side=12, width=3), (4, 2, 12, 12), (4, 3)),
    "resnet": (lambda: ResNet(14, width=4, classes=3), (4, 3, 9, 8), (4, 3)),
    "autoencoder": (lambda: Autoencoder(3, side=8, width=4), (4, 1, 8, 8), (4, 1, 8, 8)),
}


@pytest.mark.parametrize("name", MODELS)
def test_every_parameter_learns_and_the_numpy_device_agrees(name):
    make, shape, out = MODELS[name]
    model = make().double()
    x = np.random.default_rng(0).standard_normal(shape)
    model(pe.tensor(x)).square().mean().backward()
    assert all(p.grad is not None and p.grad.numpy().any() for p in model.parameters())
    scores = model.eval()(pe.tensor(x)).detach().numpy()
    assert scores.shape == out
    again = model.to("numpy")(pe.tensor(x, device="numpy")).detach().numpy()
    # float64, summed in another order through some fourteen layers
    np.testing.assert_allclose(scores, again, rtol=1e-9, atol=1e-11)


def test_the_shortcut_keeps_every_second_pixel_and_adds_channels_of_zeros():
    model = ResNet(8, width=2)
    block = model.layer2[0]
    x = pe.randn(1, 2, 6, 6)
    shortcut = block._shortcut(x).numpy()
    np.testing.assert_array_equal(shortcut[:, 1:3], x.numpy()[:, :, ::2, ::2])
    assert not shortcut[:, [0, 3]].any()


def test_resnet_agrees_with_torch():
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    model = ResNet(14, width=4, classes=3).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.copy_(pe.randn(*module.running_mean.shape))
            module.running_var.copy_(pe.rand(*module.running_var.shape) + 0.5)
    state = {name: torch.tensor(value.numpy()) for name, value in model.state_dict().items()}

    def norm(x, name):
        parts = (state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(x, *parts)

    x = torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    h = F.relu(norm(F.conv2d(x, state["conv1.weight"], padding=1), "bn1"))
    for stage in (1, 2, 3):
        for i in (0, 1):
            stride, name = 2 if stage > 1 and i == 0 else 1, f"layer{stage}.{i}"
            change = F.conv2d(h, state[f"{name}.conv1.weight"], stride=stride, padding=1)
            change = F.conv2d(F.relu(norm(change, f"{name}.bn1")), state[f"{name}.conv2.weight"], padding=1)
            more = change.shape[1] - h.shape[1]
            kept = F.pad(h[:, :, ::stride, ::stride], (0, 0, 0, 0, more // 2, more - more // 2))
            h = F.relu(norm(change, f"{name}.bn2") + kept)
    expected = F.linear(h.mean((2, 3)), state["fc.weight"], state["fc.bias"])
    # float32 through fourteen layers
    np.testing.assert_allclose(model(pe.tensor(x.numpy())).detach().numpy(), expected.numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: LeNet(side=11),
            r"LeNet: of images of 11 pixels a side nothing is left: 11 // 2 = 5 .* takes 12 or more",
        ),
        (lambda: ResNet(18), r"ResNet: depth is 6 k \+ 2 .*, not 18"),
        (lambda: Autoencoder(side=30), "Autoencoder: side is halved twice, so it must be a multiple of 4, not 30"),
    ],
)
def test_mistakes(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# --- autoencoders


def test_the_divergence_is_that_of_a_sum_over_many_draws():
    """KL[q‖p] = E_q[log q - log p], by 200,000 draws of a code of two numbers."""
    mean, log_variance = np.array([[0.7, -0.4]]), np.array([[-1.0, 0.3]])
    logits = pe.zeros(1, 5, dtype="float64")
    images = pe.zeros(1, 5, dtype="float64")
    whole = vae_loss((logits, pe.tensor(mean), pe.tensor(log_variance)), images).item()
    divergence = whole - reconstruction_loss(logits, images).item()
    noise = np.random.default_rng(0).standard_normal((200_000, 2))
    codes = mean + np.exp(log_variance / 2) * noise
    drawn = (-0.5 * noise**2 - log_variance / 2 + 0.5 * codes**2).sum(1)
    assert divergence == pytest.approx(drawn.mean(), abs=4 * drawn.std() / len(drawn) ** 0.5)


def test_the_code_is_drawn_by_seed_and_in_evaluation_always_the_same():
    model = VAE(8, 6, 2)
    x = pe.rand(3, 8)
    pe.manual_seed(1)
    first, second = (model(x)[0].detach().numpy() for _ in range(2))
    assert not np.array_equal(first, second)
    pe.manual_seed(1)
    np.testing.assert_array_equal(model(x)[0].detach().numpy(), first)
    model.eval()
    np.testing.assert_array_equal(*(model(x)[0].detach().numpy() for _ in range(2)))
    assert ((model.sample(100) > 0) & (model.sample(100) < 1)).all()


def test_the_gradient_goes_through_the_draw():
    """Of mean and variance, against differences in float64; the noise stays the same."""
    model = VAE(4, 5, 2).double().eval()
    x = pe.rand(3, 4, dtype="float64")
    vae_loss(model(x), x).backward()
    weight = model.encoder[2].weight
    gradient = weight.grad.numpy().copy()
    for at in ((0, 1), (3, 2)):  # a row of the mean, and one of the logarithm of the variance
        losses = []
        for step in (1e-6, -2e-6):
            with pe.no_grad():
                weight[at] += step
                losses.append(vae_loss(model(x), x).item())
        with pe.no_grad():
            weight[at] += 1e-6
        assert gradient[at] == pytest.approx((losses[0] - losses[1]) / 2e-6, rel=1e-6, abs=1e-8)


def test_a_vae_learns_two_pictures():
    pictures = np.tile(np.array([[1] * 4 + [0] * 4, [0] * 4 + [1] * 4], np.float32), (16, 1))
    x = pe.tensor(pictures)
    model = VAE(8, 16, 2)
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    for _ in range(200):
        optimizer.zero_grad()
        loss = vae_loss(model(x), x)
        loss.backward()
        optimizer.step()
    drawn = model.eval()(x)
    assert ((drawn[0].detach().numpy() > 0) == (pictures > 0.5)).mean() > 0.95
    # which of the two it is takes log 2 = 0.69 nats, of the 5.5 that eight pixels take at first
    assert 0.69 < vae_loss(drawn, x).item() < 1.6
