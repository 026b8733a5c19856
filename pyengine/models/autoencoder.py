"""An autoencoder: images squeezed through a short code, and drawn again from it."""

from .. import nn
from ..nn.functional import binary_cross_entropy_with_logits
from ..tensor import Tensor


class Autoencoder(nn.Module):
    """Images [n, channels, side, side] to logits of the same shape: what is left of them after a code of few numbers.

    code   numbers in the code
    width  channels of the first convolution; the second has twice as many
    ValueError for a side that is not a multiple of 4, as it is halved twice.

    Two convolutions that halve the image, a linear layer to the code, and the same backwards, with transposed
    convolutions. The sigmoid of a logit is a pixel, from 0 to 1. For digits of 28 x 28 pixels, with a code of 16 and a
    width of 16, 65,025 parameters.

    G. E. Hinton and R. R. Salakhutdinov, "Reducing the dimensionality of data with neural networks" (2006).

    >>> import pyengine as pe
    >>> model = Autoencoder(code=16)
    >>> model.encode(pe.zeros(5, 1, 28, 28)).shape, model(pe.zeros(5, 1, 28, 28)).shape
    ((5, 16), (5, 1, 28, 28))
    """

    def __init__(self, code: int = 16, channels: int = 1, side: int = 28, width: int = 16) -> None:
        super().__init__()
        if side < 4 or side % 4:
            raise ValueError(f"Autoencoder: side is halved twice, so it must be a multiple of 4, not {side}")
        shape = (2 * width, side // 4, side // 4)
        inner = shape[0] * shape[1] * shape[2]
        self.encoder = nn.Sequential(
            nn.Conv2d(channels, width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(inner, code),
        )
        self.decoder = nn.Sequential(
            nn.Linear(code, inner),
            nn.ReLU(),
            nn.Unflatten(1, shape),
            nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1),
        )

    def encode(self, input: Tensor) -> Tensor:
        """Images [n, channels, side, side] to codes [n, code]."""
        code: Tensor = self.encoder(input)
        return code

    def decode(self, code: Tensor) -> Tensor:
        """Codes [n, code] to logits [n, channels, side, side]."""
        logits: Tensor = self.decoder(code)
        return logits

    def forward(self, input: Tensor) -> Tensor:
        """Images to logits of the same shape."""
        return self.decode(self.encode(input))


def reconstruction_loss(logits: Tensor, images: Tensor) -> Tensor:
    """How badly images are drawn again: the cross-entropy of their pixels, summed over an image, mean over images.

    logits, images  of one shape, with samples along the first axis; a pixel from 0 to 1 is the probability of ink
    In nats for each image. ValueError where the shapes differ.

    >>> import pyengine as pe
    >>> round(reconstruction_loss(pe.zeros(2, 10), pe.zeros(2, 10)).item(), 4)  # ten times log 2
    6.9315
    """
    return binary_cross_entropy_with_logits(logits, images, reduction="sum") / len(images)
