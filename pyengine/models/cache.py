"""What attention keeps of the tokens that it has read, so that a text that grows is read once."""

from ..creation import arange, zeros
from ..tensor import Tensor

GrowingCache = list[tuple[Tensor, Tensor]]  # of each layer the keys and values so far, (batch, heads, tokens, d)


class Reading:
    """Tokens that are being read, at these `positions` of texts of which a cache has what comes before."""

    def __init__(self, layers: GrowingCache, positions: Tensor, mask: Tensor) -> None:
        self.positions = positions
        self._layers, self._mask = layers, mask

    def extended(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """All keys and values of a layer, those of the tokens that are read now in their places, and a mask."""
        all_keys, all_values = self._layers[layer]
        all_keys.index_copy_(2, self.positions, keys)
        all_values.index_copy_(2, self.positions, values)
        return all_keys, all_values, self._mask


class FixedCache:
    """Keys and values of at most `length` tokens, in memory that stays where it is.

    Nothing in it grows, so each new token asks for the very same kernel calls, which is what a captured step needs:
    where the token stands is a tensor, and a mask hides the places that are still empty.

    like  a tensor that has the device and the dtype of keys and values

    >>> import pyengine as pe
    >>> cache = FixedCache(batch=1, layers=1, heads=2, length=4, features=8, like=pe.zeros(1))
    >>> keys, values, mask = cache.at(pe.tensor([1])).extended(0, pe.ones(1, 2, 1, 8), pe.ones(1, 2, 1, 8))
    >>> keys[0, 0, :, 0], mask
    (tensor([0., 1., 0., 0.]), tensor([[ True,  True, False, False]]))
    """

    def __init__(self, batch: int, layers: int, heads: int, length: int, features: int, like: Tensor) -> None:
        def empty() -> Tensor:
            return zeros(batch, heads, length, features, dtype=like.dtype, device=like.device)

        self._layers = [(empty(), empty()) for _ in range(layers)]
        self._places = arange(length, device=like.device)

    def at(self, positions: Tensor) -> Reading:
        """For tokens at these places of the text, int64 (tokens,): they see those before them and themselves."""
        return Reading(self._layers, positions, self._places <= positions.unsqueeze(-1))
