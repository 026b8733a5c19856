"""LeNet: two convolutions, then three linear layers."""

from .. import nn
from ..tensor import Tensor

KERNEL = 5


class LeNet(nn.Module):
    """Images [n, channels, side, side] to scores [n, classes]: LeNet-5, with ReLU and max pooling as is usual now.

    width  channels of the first convolution; the other layers grow with it. With 6, as in the paper: convolutions of 6
           and 16 channels, linear layers of 120 and 84; for digits of 28 x 28 pixels 61,706 parameters
    ValueError for images too small for two convolutions of 5 x 5 and two poolings: below 12 pixels.

    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to document recognition" (1998). The
    digits there have a border of 2 pixels, which the padding of the first convolution supplies here.

    >>> import pyengine as pe
    >>> model = LeNet()
    >>> model(pe.zeros(5, 1, 28, 28)).shape
    (5, 10)
    >>> sum(p.numel() for p in model.parameters())
    61706
    """

    def __init__(self, classes: int = 10, channels: int = 1, side: int = 28, width: int = 6) -> None:
        super().__init__()
        left = (side // 2 - KERNEL + 1) // 2
        if left < 1:
            raise ValueError(
                f"LeNet: of images of {side} pixels a side nothing is left: {side} // 2 = {side // 2} after pooling, "
                f"less {KERNEL - 1} for the second convolution, halved again; it takes 12 or more"
            )
        second = (8 * width + 1) // 3
        self.features = nn.Sequential(
            nn.Conv2d(channels, width, KERNEL, padding=KERNEL // 2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(width, second, KERNEL),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(second * left * left, 20 * width),
            nn.ReLU(),
            nn.Linear(20 * width, 14 * width),
            nn.ReLU(),
            nn.Linear(14 * width, classes),
        )

    def forward(self, input: Tensor) -> Tensor:
        """[n, channels, side, side] to [n, classes]."""
        scores: Tensor = self.classifier(self.features(input))
        return scores
