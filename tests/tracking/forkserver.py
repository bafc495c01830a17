"""Preload once, then fork a forwarder for each line ``HOME IDLE_S`` on stdin; its pid is the answer."""

from __future__ import annotations

import os
import signal
import sys
import threading

from jupyter_cloudml.tracking.forwarder import preload, run_forwarder


def main() -> None:
    preload()
    assert threading.active_count() == 1, "a preloaded process must be safe to fork"
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are reaped at once
    print("ready", flush=True)
    for line in iter(sys.stdin.readline, ""):
        home, idle_s = line.split()
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            nudges = os.open(f"{home}/nudges", os.O_RDWR)
            run_forwarder(home, nudges, idle_s=float(idle_s))
            os._exit(0)
        print(pid, flush=True)


if __name__ == "__main__":
    main()
