"""The events of a job's journal: one JSON object a line, ``t`` (Unix seconds) and ``k`` (kind) first.

========== ==========================================================================================
kind       further keys
========== ==========================================================================================
state      ``state``; ``pid``, ``host`` on RUNNING; ``reason``; ``error`` {type, message} on FAILED
output     ``output``: an nbformat output (stream, display_data, execute_result, error), or
           ``update_display_data`` (with ``transient.display_id``), or ``clear_output`` (with ``wait``)
metric     ``m`` {name: float}, ``s`` step (int)
param      ``p`` {name: text}
tag        ``p`` {name: text}
dataset    ``name``, ``digest``, ``source_type``, ``source``, ``schema``, ``profile`` (the last three JSON texts),
           ``context``: a dataset of MLflow that the job read or made
progress   ``id``, ``n``, ``total`` (null when unknown), ``desc``; ``n == total`` or ``done`` ends it
checkpoint ``step``, ``uri``
resource   ``cpu`` (% of one core), ``rss`` (bytes), ``gpus`` [{``i``, ``util`` %, ``mem``, ``mem_total``
           bytes, ``watts``}]
beat       nothing: the worker is alive
result     the result manifest is published
note       ``text``: what the user should know (a name that stayed there, say)
========== ==========================================================================================
"""

from __future__ import annotations

STATE = "state"
OUTPUT = "output"
METRIC = "metric"
PARAM = "param"
TAG = "tag"
DATASET = "dataset"
PROGRESS = "progress"
CHECKPOINT = "checkpoint"
RESOURCE = "resource"
BEAT = "beat"
RESULT = "result"
NOTE = "note"
