"""Handwritten digits: 1,797 images of 8x8 pixels, ten classes, a multi-layer perceptron with one hidden layer."""

from .. import nn, optim, random
from ..data import DataLoader, TensorDataset, load_digits, random_split
from ..train import accuracy
from .recipe import Job, Recipe, Settings

PIXELS, CLASSES = 64, 10
SPLIT = [0.70, 0.15, 0.15]


def build(settings: Settings) -> Job:
    """Data, model, loss and optimizer. The seed decides split, initial weights and the order of samples."""
    digits = TensorDataset(*(tensor.to(settings.device) for tensor in load_digits().tensors))
    train, val, test = random_split(digits, SPLIT, seed=settings.seed)
    random.manual_seed(settings.seed)
    model = nn.Sequential(nn.Linear(PIXELS, settings.hidden), nn.ReLU(), nn.Linear(settings.hidden, CLASSES))
    model.to(settings.device)
    optimizer = optim.SGD(
        model.parameters(), lr=settings.lr, momentum=settings.momentum, weight_decay=settings.weight_decay
    )
    return Job(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=optimizer,
        train=DataLoader(train, batch_size=settings.batch_size, shuffle=True, seed=settings.seed),
        val=DataLoader(val, batch_size=256),
        test=DataLoader(test, batch_size=256),
        metrics={"accuracy": accuracy},
    )


RECIPE = Recipe(
    name="digits",
    summary="handwritten digits, 8x8 pixels, ten classes: a multi-layer perceptron",
    # Chosen on the validation split, never on the test split: docs/recipes.md has the table of the search.
    defaults=Settings(epochs=40, batch_size=32, lr=0.3, momentum=0.9, weight_decay=1e-4, hidden=128),
    build=build,
)
