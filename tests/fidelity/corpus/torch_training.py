# %%% tensors
# %%
import torch
torch.manual_seed(0)
t = torch.arange(6.0).reshape(2, 3)
t
# %%
v = t.view(-1)
v[0] = 42
t
# %%
t.add_(1)
v[:3]
# %%
w = torch.randn(3, requires_grad=True)
loss = (w ** 2).sum()
loss.backward()
torch.allclose(w.grad, 2 * w)
# %%
w.grad.zero_()
w.grad
# %%
with torch.no_grad():
    w -= 0.1
w.requires_grad, w.is_leaf
# %%
(w * 3).sum().backward()
w.grad
# %%
torch.rand(2)
# %%
gen = torch.Generator().manual_seed(3)
torch.rand(2, generator=gen)
# %%
torch.rand(2, generator=gen)
# %%
import numpy as np
arr = np.zeros(3)
shared = torch.from_numpy(arr)
shared[0] = 5
arr
# %%
arr[1] = 7
shared
# %%
h = torch.tensor([1, 2], dtype=torch.int8)
b = torch.tensor([1.0], dtype=torch.bfloat16)
h, b, torch.tensor(True), torch.tensor(3)
# %%
torch.ones(2) @ torch.ones(3)
# %%
y = w * 2
y
# %%
y.sum().backward()
w.grad
# %%
torch.save({"t": t}, "t.pt")
torch.load("t.pt")["t"].sum()
# %%
torch.set_default_dtype(torch.float64)
torch.ones(1).dtype
# %%
torch.zeros(1).dtype
# %%
torch.set_default_dtype(torch.float32)
sparse = torch.eye(3).to_sparse()
sparse
# %%% training
# %%
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset, Dataset
torch.manual_seed(1)
# %%
class Net(nn.Module):
    def __init__(self, hidden=8):
        super().__init__()
        self.fc1 = nn.Linear(2, hidden)
        self.drop = nn.Dropout(0.1)
        self.fc2 = nn.Linear(hidden, 2)
        self.register_buffer("seen", torch.zeros(()))
    def forward(self, x):
        self.seen += len(x)
        return self.fc2(self.drop(torch.relu(self.fc1(x))))
# %%
X = torch.randn(64, 2)
y = (X[:, 0] * X[:, 1] > 0).long()
loader = DataLoader(TensorDataset(X, y), batch_size=16, shuffle=True)
# %%
model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
criterion = nn.CrossEntropyLoss()
model
# %%
optimizer.param_groups[0]["params"][0] is model.fc1.weight
# %%
losses = []
def train(model, epochs):
    model.train()
    for epoch in range(epochs):
        for xb, yb in loader:
            optimizer.zero_grad()
            loss = criterion(model(xb), yb)
            loss.backward()
            optimizer.step()
        losses.append(round(loss.item(), 4))
train(model, 2)
losses
# %%
train(model, 2)
print(f"last {losses[-1]:.4f}")
# %%
model.seen, len(optimizer.state)
# %%
optimizer.param_groups[0]["params"][0] is model.fc1.weight, model.fc1.weight.grad is not None
# %%
def evaluate(net):
    net.eval()
    with torch.no_grad():
        return (net(X).argmax(1) == y).float().mean().item()
evaluate(model)
# %%
model.training
# %%
saved = {k: v.clone() for k, v in model.state_dict().items()}
torch.save(model.state_dict(), "net.pt")
list(saved)
# %%
for p in model.parameters():
    p.data.zero_()
model.fc1.weight.abs().sum()
# %%
model.load_state_dict(torch.load("net.pt"))
# %%
torch.equal(model.fc1.weight, saved["fc1.weight"])
# %%
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
optimizer.step(); scheduler.step()
optimizer.param_groups[0]["lr"]
# %%
scheduler.step()
optimizer.param_groups[0]["lr"], scheduler.optimizer is optimizer
# %%
model.fc2 = nn.Linear(8, 3)
model(X[:1]).shape
# %%
for p in model.fc1.parameters():
    p.requires_grad_(False)
[p.requires_grad for p in model.parameters()]
# %%
activations = []
hook = model.fc1.register_forward_hook(lambda m, i, o: activations.append(o.shape))
model(X[:2]);
# %%
activations
# %%
model(X[:3]); len(activations)
# %%
hook.remove()
model(X[:3]); len(activations)
# %%
class Squares(Dataset):
    def __init__(self, n):
        self.n = n
    def __len__(self):
        return self.n
    def __getitem__(self, i):
        return torch.tensor(float(i)), torch.tensor(float(i * i))
ds = Squares(6)
for xb, yb in DataLoader(ds, batch_size=4):
    print(xb.tolist(), yb.tolist())
# %%
seq = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
tied = nn.Linear(2, 2)
tied.weight = seq[0].weight
tied.weight is seq[0].weight
# %%
with torch.no_grad():
    tied.weight.fill_(3.0)
seq[0].weight
# %%
batch = next(iter(loader))
batch[0].shape
# %%
model(torch.randn(2, 5))
# %%
opt2 = torch.optim.SGD(seq.parameters(), lr=0.1, momentum=0.9)
F.mse_loss(seq(X), X).backward()
opt2.step()
len(opt2.state)
# %%
seq.zero_grad()
[p.grad for p in seq.parameters()]
# %%
from copy import deepcopy
best = deepcopy(model)
best.fc1.weight.data.add_(1)
torch.equal(best.fc1.weight, model.fc1.weight)

# %%% graphs
# %%
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(0)
# %%
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.fc1 = nn.Linear(216, 10)
    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), (2, 2))
        return self.fc1(torch.flatten(x, 1))
net = Net()
image = torch.randn(1, 1, 16, 16)
out = net(image)
out
# %%
net.zero_grad()
out.backward(torch.randn(1, 10))
# %%
output = net(image)
target = torch.randn(1, 10)
loss = nn.MSELoss()(output, target)
loss
# %%
print(loss.grad_fn)
print(loss.grad_fn.next_functions[0][0])
# %%
loss.backward()
net.conv1.bias.grad
# %%
loss.backward()
# %%
x = torch.ones(5)
w = torch.randn(5, 3, requires_grad=True)
b = torch.randn(3, requires_grad=True)
z = torch.matmul(x, w) + b
loss = F.binary_cross_entropy_with_logits(z, torch.zeros(3))
# %%
loss.backward()
print(w.grad, b.grad)
# %%
model = nn.Sequential(nn.Linear(1, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
loader = DataLoader(TensorDataset(torch.arange(8.0)[:, None], torch.arange(8.0)[:, None] * 2), batch_size=4, shuffle=True)
# %%
batches = iter(loader)
xb, yb = next(batches)
xb.shape
# %%
xb, yb = next(batches)
loss = F.mse_loss(model(xb), yb)
# %%
optimizer.zero_grad()
loss.backward()
optimizer.step()
scheduler.step()
loss, scheduler.get_last_lr()
# %%
torch.set_printoptions(precision=2)
# %%
torch.tensor([1.23456])
