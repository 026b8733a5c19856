"""The variational autoencoder: a code that is a distribution, so that new codes can be drawn and decoded."""

from .. import nn
from ..random import Generator, randn, randn_like
from ..tensor import Tensor
from .autoencoder import reconstruction_loss

Coded = tuple[Tensor, Tensor, Tensor]


class VAE(nn.Module):
    """Images [n, inputs] with pixels from 0 to 1 to (logits [n, inputs], mean [n, code], log of variance [n, code]).

    The encoder gives a normal distribution over codes for each image; one code is drawn from it and decoded. So that a
    gradient finds its way through the draw, the code is mean + deviation · noise, with the noise from outside (the
    reparameterisation): in training from the default generator (`pe.manual_seed`), in evaluation the same each time.
    `vae_loss` is what to minimise. For digits of 784 pixels, a hidden layer of 400, a code of 20: 652,824 parameters.

    D. P. Kingma and M. Welling, "Auto-Encoding Variational Bayes" (2013).

    >>> import pyengine as pe
    >>> model = VAE(inputs=64, hidden=32, code=2)
    >>> [out.shape for out in model(pe.zeros(5, 64))]
    [(5, 64), (5, 2), (5, 2)]
    >>> model.sample(3).shape
    (3, 64)
    """

    def __init__(self, inputs: int = 784, hidden: int = 400, code: int = 20) -> None:
        super().__init__()
        self.code = code
        self.encoder = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, 2 * code))
        self.decoder = nn.Sequential(nn.Linear(code, hidden), nn.ReLU(), nn.Linear(hidden, inputs))

    def encode(self, input: Tensor) -> tuple[Tensor, Tensor]:
        """Images [n, inputs] to mean and log of variance of their codes, each [n, code]."""
        both = self.encoder(input)
        return both[:, : self.code], both[:, self.code :]

    def decode(self, code: Tensor) -> Tensor:
        """Codes [n, code] to logits [n, inputs]."""
        logits: Tensor = self.decoder(code)
        return logits

    def forward(self, input: Tensor) -> Coded:
        """Images [n, inputs] to what `vae_loss` takes."""
        mean, log_variance = self.encode(input)
        noise = randn_like(mean, generator=None if self.training else Generator(0))
        return self.decode(mean + (0.5 * log_variance).exp() * noise), mean, log_variance

    def sample(self, n: int, generator: Generator | None = None) -> Tensor:
        """n images that there never were, [n, inputs] with pixels from 0 to 1: decoded from codes drawn at random."""
        weight = next(self.parameters())
        code = randn(n, self.code, dtype=weight.dtype, device=weight.device, generator=generator)
        return self.decode(code).sigmoid()


def vae_loss(coded: Coded, images: Tensor) -> Tensor:
    """The negative evidence lower bound (ELBO), mean over images: an upper bound of the nats that an image takes.

    coded   what a `VAE` returns: logits [n, inputs], mean [n, code], log of variance [n, code]
    images  of shape (n, inputs), pixels from 0 to 1
    The sum of `reconstruction_loss` and of the divergence of the codes' distribution from the standard normal one,
    KL = ½ Σ (mean² + variance - 1 - log variance): Kingma and Welling (2013), appendix B.
    ValueError where shapes differ.

    >>> import pyengine as pe
    >>> coded = pe.zeros(1, 4), pe.ones(1, 2), pe.zeros(1, 2)
    >>> round((vae_loss(coded, pe.zeros(1, 4)) - reconstruction_loss(coded[0], pe.zeros(1, 4))).item(), 6)
    1.0
    """
    logits, mean, log_variance = coded
    divergence = 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).sum()
    return reconstruction_loss(logits, images) + divergence / len(images)
