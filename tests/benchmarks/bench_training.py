"""What tracking costs a CPU training loop, and one call of ``cloudml.log`` and ``mlflow.log_metric``.

Two loops, each logging three metrics in every step. The bound is for the one in which a step takes so long that plain MLflow
(synchronous, SQLite), measured in the same run, leaves about 0.44 of the speed, as in the issue that sets the bound; the
other's steps are less than half as long, so that what a call costs shows. A loop runs on one thread on both sides: OpenMP's barriers make two threads on a busy machine slower by a hundred times.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .harness import median, report, run_python, scratch
from .kernel import Kernel, agent_ended, wait_for_warmth

BLOCKS = 100
PAIRS = 7
LOOPS = {
    "training: tracked loop": {"batch": 72, "batches": 2},
    "training: tracked loop of short steps": {"batch": 32, "batches": 1},
}
"""How many images a batch has, and how many batches a step (gradients are summed, as where a large one does not fit)."""
LOOP = """
import os
import statistics
import time
import torch
from torch import nn
torch.manual_seed(0)
torch.set_num_threads(1)
net = nn.Sequential(
    nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(10)
)
images, labels = torch.rand({batch}, 1, 16, 16), torch.randint(0, 10, ({batch},))
net(images)
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
def step(number):
    optimizer.zero_grad()
    for _ in range({batches}):
        loss = nn.functional.cross_entropy(net(images), labels)
        loss.backward()
    optimizer.step()
    {log}
for number in range(200):
    step(number)
mine, theirs = (os.open({folder!r} + "/" + name, os.O_RDWR) for name in {turns!r})
costs = []
for block in range({blocks}):
    os.read(mine, 1)
    begun = time.perf_counter()
    for number in range(200 + 20 * block, 220 + 20 * block):
        step(number)
    costs.append((time.perf_counter() - begun) / 20)
    os.write(theirs, b"x")
print(costs)
"""
PLAIN_LOG = "mlflow.log_metrics(dict(loss=loss.item(), lr=0.01, epoch=1.0), step=number)"
PLAIN = (
    """
import mlflow
mlflow.set_tracking_uri("sqlite:///loop.db")
mlflow.start_run()
"""
    + LOOP
)
TRACKED = "import jupyter_cloudml as cloudml" + LOOP
LOG = "cloudml.log(loss=loss.item(), lr=0.01, epoch=1.0, step=number)"
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
BARE_WRITE = CALL.format(
    setup="import os; fd = os.open('line.jsonl', os.O_WRONLY | os.O_CREAT | os.O_APPEND); line = b'x' * 84",
    call="os.write(fd, line)",
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
            for bench, sizes in LOOPS.items():
                loop(kernel, folder, bench, sizes)
            calls(kernel, folder)


def loop(kernel: Kernel, folder: Path, bench: str, sizes: dict[str, int]) -> None:
    """The median of several pairs: where its memory lies makes one process 3 % faster than another all its life."""
    pairs = [pair(kernel, folder, sizes) for _ in range(PAIRS)]
    ratios = [bare / tracked for bare, tracked in pairs]
    middle = sorted(pairs, key=lambda costs: costs[0] / costs[1])[PAIRS // 2]
    report(
        bench,
        1 / middle[1],
        1 / middle[0],
        unit="steps/s",
        at_least=0.98 if bench == next(iter(LOOPS)) else None,
        bound_on="ratio",
        blocks=BLOCKS,
        all_ratios=[round(ratio, 4) for ratio in ratios],
        plain_mlflow=round(middle[0] / plain(folder, sizes), 4),
    )


def pair(kernel: Kernel, folder: Path, sizes: dict[str, int]) -> tuple[float, float]:
    """Seconds of a step, bare and tracked. Both train at the same time, twenty steps each in turn, so that a busy minute
    hits both; never two at once."""
    turns = _turns(folder)
    common = {"folder": str(folder), "blocks": BLOCKS, **sizes}
    script = LOOP.format(log="loss.item()", turns=turns, **common)
    with ThreadPoolExecutor(1) as pool:
        bare = pool.submit(run_python, script, cwd=folder)
        begin = os.open(folder / "bare", os.O_RDWR)
        os.write(begin, b"x")
        kernel.execute(
            "%%cloudtrain --on local -o costs\n"
            + TRACKED.format(log=LOG, turns=turns[::-1], **common)
        )
        os.close(begin)
    tracked = json.loads(kernel.execute("print(costs)").text)
    return median(json.loads(bare.result())), median(tracked)


def plain(folder: Path, sizes: dict[str, int]) -> float:
    """Seconds of a step with MLflow's own synchronous logging; always its turn."""
    mine, _ = _turns(folder)
    script = PLAIN.format(
        log=PLAIN_LOG, folder=str(folder), turns=(mine, mine), blocks=BLOCKS // 10, **sizes
    )
    begin = os.open(folder / mine, os.O_RDWR)
    os.write(begin, b"x")
    try:
        return median(json.loads(run_python(script, cwd=folder).splitlines()[-1]))
    finally:
        os.close(begin)


def _turns(folder: Path) -> tuple[str, str]:
    """The named pipes, made anew, that the two processes pass each other the turn with."""
    turns = ("bare", "tracked")
    for name in turns:
        (folder / name).unlink(missing_ok=True)
        os.mkfifo(folder / name)
    return turns


def calls(kernel: Kernel, folder: Path) -> None:
    """Three runs of each in turn; the median counts."""
    cost, write = (
        median(list(costs))
        for costs in zip(
            *[
                (in_job(kernel, CLOUDML_LOG, "cost"), in_job(kernel, BARE_WRITE, "cost"))
                for _ in range(3)
            ],
            strict=True,
        )
    )
    report(
        "training: cloudml.log of 3 metrics / bare os.write", cost, write, unit="µs", at_most=8.0
    )
    cost = median([in_job(kernel, MLFLOW_LOG, "cost") for _ in range(3)])
    plain = float(run_python(PLAIN_MLFLOW, cwd=folder).split()[-1])
    report("training: mlflow.log_metric in the cell", cost, plain, unit="µs", at_most=50.0)


def in_job(kernel: Kernel, source: str, name: str) -> float:
    """Run ``source`` as a job; the number that it bound to ``name``."""
    kernel.execute(f"%%cloudtrain --on local -o {name}\n{source}")
    return float(kernel.execute(f"print({name})").text)


if __name__ == "__main__":
    main()
