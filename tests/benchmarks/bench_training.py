"""What tracking costs a CPU training loop, and one call of ``cloudml.log`` and ``mlflow.log_metric``.

The loop runs on one thread on both sides: OpenMP's barriers make two threads on a busy machine slower by a hundred times.
"""

from __future__ import annotations

from pathlib import Path

from .harness import median, note, report, run_python, scratch
from .kernel import Kernel, agent_ended, wait_for_warmth

PAIRS = 5
LOOP = """
import time
import torch
from torch import nn
torch.manual_seed(0)
torch.set_num_threads(1)
net = nn.Sequential(
    nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(10)
)
images, labels = torch.rand(32, 1, 16, 16), torch.randint(0, 10, (32,))
net(images)
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
def step(number):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(net(images), labels)
    loss.backward()
    optimizer.step()
    {log}
for number in range(200):
    step(number)
begun = time.perf_counter()
for number in range(200, 1200):
    step(number)
speed = 1000 / (time.perf_counter() - begun)
print(speed)
"""
BARE = LOOP.format(log="loss.item()")
TRACKED = "import jupyter_cloudml as cloudml" + LOOP.format(
    log="cloudml.log(loss=loss.item(), lr=0.01, epoch=1.0, step=number)"
)
CALL = """
import time
import statistics
{setup}
costs = []
for block in range(20):
    begun = time.perf_counter()
    for number in range(500):
        {call}
    costs.append((time.perf_counter() - begun) / 500 * 1e6)
cost = statistics.median(costs)
"""
CLOUDML_LOG = CALL.format(
    setup="import jupyter_cloudml as cloudml",
    call="cloudml.log(loss=0.25, accuracy=0.5, lr=0.01, step=block * 500 + number)",
)
MLFLOW_LOG = CALL.format(
    setup="import mlflow", call="mlflow.log_metric('loss', 0.25, step=block * 500 + number)"
)
PLAIN_MLFLOW = """
import mlflow, time
mlflow.set_tracking_uri("sqlite:///plain.db")
with mlflow.start_run():
    begun = time.perf_counter()
    for number in range(500):
        mlflow.log_metric("loss", 0.25, step=number)
    print((time.perf_counter() - begun) / 500 * 1e6)
"""


def main() -> None:
    with scratch() as folder:
        home = folder / "home"
        with agent_ended(home) as data, Kernel(home, cwd=folder) as kernel:
            kernel.execute("%load_ext jupyter_cloudml")
            wait_for_warmth(data)
            loop(kernel, folder)
            calls(kernel, folder)


def loop(kernel: Kernel, folder: Path) -> None:
    """Bare and tracked in turn, so that a busy minute hits both."""
    bare, tracked = [], []
    for _ in range(PAIRS):
        note("training loop")
        bare.append(float(run_python(BARE, cwd=folder)))
        tracked.append(in_job(kernel, TRACKED, "speed"))
    ratios = [ours / peer for ours, peer in zip(tracked, bare, strict=True)]
    report(
        "training: tracked loop",
        median(tracked),
        median(bare),
        unit="steps/s",
        at_least=0.98,
        bound_on="ratio",
        paired_ratios=[round(ratio, 3) for ratio in ratios],
    )


def calls(kernel: Kernel, folder: Path) -> None:
    cost = median([in_job(kernel, CLOUDML_LOG, "cost") for _ in range(3)])
    report("training: cloudml.log of 3 metrics", cost, unit="µs", at_most=8.0)
    cost = median([in_job(kernel, MLFLOW_LOG, "cost") for _ in range(3)])
    plain = float(run_python(PLAIN_MLFLOW, cwd=folder).split()[-1])
    report("training: mlflow.log_metric in the cell", cost, plain, unit="µs", at_most=50.0)


def in_job(kernel: Kernel, source: str, name: str) -> float:
    """Run ``source`` as a job; the number that it bound to ``name``."""
    kernel.execute(f"%%cloudtrain --on local -o {name}\n{source}")
    return float(kernel.execute(f"print({name})").text)


if __name__ == "__main__":
    main()
