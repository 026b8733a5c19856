"""Your first model: a program that learns to tell good reviews from bad ones, and what each of its lines is for.

Put a folder `data/` beside you with a file of sentences, one a line: the text, a tab, and its label, such as

    a fine film, and funny too<TAB>1
    dull from beginning to end<TAB>0

(.tsv or .txt; .csv with a comma instead of the tab). Some thousand lines teach a model something. Then run

    python first_model.py            # or: python first_model.py path/to/folder epochs
"""

import sys

from pyengine import Adam, CrossEntropyLoss, DataLoader, TransformerClassifier, evaluate, load_and_split_dataset

path = sys.argv[1] if len(sys.argv) > 1 else "data/"
epochs = int(sys.argv[2]) if len(sys.argv) > 2 else 3

# 1. The data, in three parts. From the first the model learns. On the second we look while it does, to know when to
#    stop. The third it sees once, at the end: only what was never looked at tells how it will do on new sentences.
train_data, val_data, test_data = load_and_split_dataset(path=path, splits=[0.70, 0.15, 0.15])

#    A loader hands them out 32 at a time. A sentence comes as numbers, one for each word, and short sentences are
#    filled up with zeros to the length of the longest. Training data are shuffled, so that no two epochs are alike.
train_loader = DataLoader(train_data, batch_size=32, shuffle=True)
val_loader = DataLoader(val_data, batch_size=32)
test_loader = DataLoader(test_data, batch_size=32)

# 2. The model: a function with millions of numbers in it that nobody has chosen yet. They begin at random.
model = TransformerClassifier(vocab_size=50000, hidden_dim=256, num_layers=4, num_classes=2)

# 3. How wrong is an answer? The cross-entropy: how surprised the model is by the right label, in nats. Guessing costs
#    log 2 = 0.69; that is where the loss will begin.
loss_fn = CrossEntropyLoss()

# 4. Who changes the numbers? Adam moves each by about lr against its share in the loss.
optimizer = Adam(model.parameters(), lr=1e-4)

# 5. Learning is four moves, over and over.
for epoch in range(1, epochs + 1):
    model.train()  # training mode: dropout leaves out some of what the model sees, so that it does not learn by heart
    for inputs, labels in train_loader:
        predictions = model(inputs)  # guess: two scores for each sentence, one for each class
        loss = loss_fn(predictions, labels)  # loss: one number that says how wrong the guesses are
        optimizer.zero_grad()  # forget the gradients of the last step, which would be added to
        loss.backward()  # blame: for each of the millions of numbers, which way it made the loss worse
        optimizer.step()  # step: a little the other way

    # `evaluate` gives the loss and the share of right answers, on sentences that the model does not learn from.
    val_loss, val_acc = evaluate(model, val_loader)
    print(f"epoch {epoch}: training loss {loss.item():.4f}, validation loss {val_loss:.4f}, accuracy {val_acc:.2%}")

# 6. The one look at the test data. What `evaluate` returns can also be taken as a number: the accuracy.
test_acc = evaluate(model, test_loader)
print(f"test accuracy {test_acc:.2%}")
