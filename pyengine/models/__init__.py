"""Networks that are known by a name, made of the layers in `nn`, each with the paper that it is from.

>>> import pyengine as pe
>>> from pyengine.models import VAE
>>> logits, mean, log_variance = VAE()(pe.zeros(2, 784))
>>> logits.shape, mean.shape
((2, 784), (2, 20))
"""

from .autoencoder import Autoencoder, reconstruction_loss
from .char_rnn import CharRNN
from .clip import CLIP
from .encoder import Encoder
from .forecaster import Forecaster
from .generate import generate, stream
from .gpt import GPT, next_token_loss
from .lenet import LeNet
from .pick import pick_token
from .resnet import ResNet
from .transformer_classifier import TransformerClassifier
from .vae import VAE, vae_loss

__all__ = [
    "Autoencoder", "CLIP", "CharRNN", "Encoder", "Forecaster", "GPT", "LeNet", "ResNet", "TransformerClassifier", "VAE",
    "generate", "next_token_loss", "pick_token", "reconstruction_loss", "stream", "vae_loss",
]  # fmt: skip
