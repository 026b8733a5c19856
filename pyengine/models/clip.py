"""Pictures and sentences in one space, so that each finds what belongs to it."""

from .. import nn
from ..nn.functional import normalize
from ..tensor import Tensor


class CLIP(nn.Module):
    """Two encoders whose results are of one width: what belongs together has nearly the same direction.

    image_encoder  takes pictures to [n, width]
    text_encoder   takes token ids [n, tokens] to [n, width]
    Called with pictures it gives their directions; `encode_text` gives those of sentences; `loss` says how badly they
    find each other, and owns the scale that is learned with them.

    A. Radford and others, "Learning transferable visual models from natural language supervision" (2021).

    >>> import pyengine as pe
    >>> from pyengine.models import TransformerClassifier
    >>> pictures = nn.Sequential(nn.Flatten(), nn.Linear(12, 8))
    >>> model = CLIP(pictures, TransformerClassifier(20, hidden_dim=16, num_layers=1, num_classes=8))
    >>> found = model(pe.ones(2, 3, 2, 2))
    >>> found.shape, model.loss(found, model.encode_text(pe.tensor([[3, 4], [5, 0]]))).shape
    ((2, 8), ())
    """

    def __init__(self, image_encoder: nn.Module, text_encoder: nn.Module) -> None:
        super().__init__()
        self.image_encoder = image_encoder
        self.text_encoder = text_encoder
        self.loss = nn.InfoNCELoss()

    def forward(self, images: Tensor) -> Tensor:
        """Pictures [n, …] to directions [n, width], of length 1."""
        return normalize(self.image_encoder(images))

    def encode_text(self, ids: Tensor) -> Tensor:
        """Token ids [n, tokens] to directions [n, width], of length 1."""
        return normalize(self.text_encoder(ids))
