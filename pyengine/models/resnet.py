"""Residual networks for small images, the CIFAR family: 20, 32, 44, 56, 110 … layers."""

from .. import nn
from ..nn.functional import pad, relu
from ..tensor import Tensor


class BasicBlock(nn.Module):
    """relu(x + f(x)), f two convolutions of 3 x 3 with batch norm: what the block learns is how its output differs.

    Where the block halves the image and has more channels than its input, every second pixel of x and further channels
    of zeros stand for x: the shortcut has no parameters (the paper's option A).

    >>> import pyengine as pe
    >>> BasicBlock(16, 32, stride=2)(pe.zeros(1, 16, 8, 8)).shape
    (1, 32, 4, 4)
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.further = outputs - inputs
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)

    def forward(self, input: Tensor) -> Tensor:
        """[n, inputs, h, w] to [n, outputs, h / stride, w / stride], rounded up."""
        change = self.bn2(self.conv2(relu(self.bn1(self.conv1(input)))))
        return relu(change + self._shortcut(input))

    def _shortcut(self, input: Tensor) -> Tensor:
        if self.stride > 1:
            input = input[:, :, :: self.stride, :: self.stride]
        if not self.further:
            return input
        before = self.further // 2
        return pad(input, (0, 0, 0, 0, before, self.further - before))


class ResNet(nn.Module):
    """Images [n, channels, h, w] to scores [n, classes]: a convolution, three stages of residual blocks, their mean.

    depth  layers with weights: 6 k + 2 for k blocks in each stage
    width  channels of the first stage; the second has twice and the third four times as many, for images with half and
           a quarter of the side
    ValueError for a depth that is not 6 k + 2, k from 1 on.

    With width 16, as in the paper, for three channels and ten classes:

        depth        20       32       44       56       110
        parameters   269,722  464,154  658,586  853,018  1,727,962

    K. He, X. Zhang, S. Ren and J. Sun, "Deep Residual Learning for Image Recognition" (2015), section 4.2. The weights
    of convolutions start as in their "Delving Deep into Rectifiers" (2015): normal, by the outputs that an input feeds.

    >>> import pyengine as pe
    >>> model = ResNet(depth=8, width=4)
    >>> model(pe.zeros(2, 3, 32, 32)).shape
    (2, 10)
    """

    def __init__(self, depth: int = 20, width: int = 16, classes: int = 10, channels: int = 3) -> None:
        super().__init__()
        if depth < 8 or depth % 6 != 2:
            raise ValueError(f"ResNet: depth is 6 k + 2 for k blocks in each stage (8, 14, 20, 26, 32 …), not {depth}")
        blocks = depth // 6
        self.depth = depth
        self.conv1 = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = _stage(width, width, blocks, stride=1)
        self.layer2 = _stage(width, 2 * width, blocks, stride=2)
        self.layer3 = _stage(2 * width, 4 * width, blocks, stride=2)
        self.fc = nn.Linear(4 * width, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, input: Tensor) -> Tensor:
        """[n, channels, h, w] to [n, classes]; h and w of 4 pixels at least."""
        features = relu(self.bn1(self.conv1(input)))
        features = self.layer3(self.layer2(self.layer1(features)))
        scores: Tensor = self.fc(features.mean((2, 3)))
        return scores


def _stage(inputs: int, outputs: int, blocks: int, stride: int) -> nn.Sequential:
    first = BasicBlock(inputs, outputs, stride)
    return nn.Sequential(first, *(BasicBlock(outputs, outputs) for _ in range(blocks - 1)))
