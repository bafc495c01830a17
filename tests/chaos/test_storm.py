"""SIGKILL at random instants to kernels, workers, agents, zygotes and forwarders: nothing lost, doubled, left or lying."""

from __future__ import annotations

import os
import random
import time

import pytest

from .arena import Arena, wait_until
from .kernels import plan

KILLS = int(os.environ.get("CLOUDML_CHAOS_KILLS", "200"))
SEED = os.environ.get("CLOUDML_CHAOS_SEED") or f"{time.time_ns():x}"
KERNELS = 3
LONGEST_S = 0.5
LULL_EVERY, LULL_S = 12, 2.0


def storm(arena: Arena, kills: int, seed: str) -> None:
    """Kill so often, at instants drawn by ``seed``, while kernels go on submitting."""
    dice = random.Random(seed)
    while arena.kills.total() < kills:
        while len(arena.candidates("kernel")) < KERNELS:
            arena.add_kernel(seed)
        is_lull = dice.randrange(LULL_EVERY) == 0
        time.sleep(LULL_S if is_lull else dice.uniform(0, LONGEST_S))
        if dice.randrange(40) == 0:
            arena.kill_all()
        else:
            arena.kill_one(dice)


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_kill_9_of_anything_at_any_instant_loses_doubles_and_leaves_nothing(
    arena: Arena, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        print(f"\nCLOUDML_CHAOS_SEED={SEED} CLOUDML_CHAOS_KILLS={KILLS}", flush=True)
    began = time.monotonic()
    storm(arena, KILLS, SEED)
    stormed = time.monotonic()
    arena.end_kernels()
    arena.settle()
    last = arena.submit(plan(random.Random(SEED), "last"))
    assert last.result(timeout=60)["total"]
    wait_until(lambda: not arena.session.registry.tracking_open(), "the last run's end")
    arena.stop()
    settled = time.monotonic()
    seen = arena.check({"last": plan(random.Random(SEED), "last")})
    arena.check_nothing_is_left()
    seen |= {"storm_s": round(stormed - began), "settle_s": round(settled - stormed)}
    seen["leave_s"] = round(time.monotonic() - settled)
    with capsys.disabled():
        print(seen, flush=True)
