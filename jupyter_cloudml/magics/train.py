"""``%%cloudtrain`` and the magics of jobs, as IPython knows them: names, help, errors in one sentence.

What they do is in `verbs`, which loads with the first of them (or in the background before), not with the extension.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from IPython.core.magic import Magics, cell_magic, line_magic, magics_class

from ..client.failure import plainly
from ..client.flags import (
    CONFIG_FLAGS,
    FOLLOW_FLAGS,
    JOB_FLAGS,
    LIST_FLAGS,
    OUTPUT_FLAGS,
    PREP_FLAGS,
)
from ..client.line import Flag, help_text
from ..core.errors import CloudMLError
from .tracebacks import as_of_a_cell, is_known

if TYPE_CHECKING:
    from .verbs import Verbs

_F = TypeVar("_F", bound=Callable[..., Any])

FLAGS_OF: dict[str, tuple[Flag, ...]] = {
    "cloudtrain": JOB_FLAGS,
    "cloudprep": PREP_FLAGS,
    "cloudconfig": CONFIG_FLAGS,
    "cloudjobs": LIST_FLAGS,
    "cloudlogs": FOLLOW_FLAGS,
    "cloudpull": OUTPUT_FLAGS,
    "cloudattach": (),
    "cloudcancel": (),
    "cloudretry": (),
}
"""Every magic and its flags; completion reads it too."""

_EXAMPLES = """
Examples
--------
%%cloudtrain --on local                             run this cell in another process, as if it ran here
%%cloudtrain train --gpus 1 -p lr 0.01              a named job with a GPU and a recorded parameter
%%cloudtrain --dry-run                              what would travel, how, and how big it is
%%cloudtrain -o model,history --detach              come back later: %cloudattach, or cloudml.get(id).result()
%%cloudtrain --resume 3f2a --retries 2              go on from the newest checkpoint of another job
"""
_PREP_EXAMPLES = """
Examples
--------
%%cloudprep --source trips=data/*.parquet                            look at the first rows of a query
SELECT city, avg(fare) AS fare FROM trips GROUP BY city

%%cloudprep clean --source trips=s3://lake/trips/ --sink s3://lake/clean/ --partition-by year
trips.filter(nw.col("fare") > 0).with_columns(tip_rate=nw.col("tip") / nw.col("fare"))

%%cloudprep --source trips=trips.csv --sink train=train.parquet --sink test=test.parquet
train, test = trips.filter(nw.col("day") < 25), trips.filter(nw.col("day") >= 25)

%%cloudprep --source trips=trips.jsonl -o by_city --engine duckdb     the result here, as a Polars frame
SELECT city, count(*) AS n FROM trips WHERE fare > $least GROUP BY ALL
"""


def one_sentence(method: _F) -> _F:
    """A user's mistake is shown as one sentence, without the frames of this package."""

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except CloudMLError as exc:
            if is_known(exc) or hasattr(exc, "_render_traceback_"):
                raise
            raise plainly(exc) from None
        except SyntaxError as exc:
            if not is_known(exc):
                as_of_a_cell(args[0].shell, exc)
            raise exc.with_traceback(None) from None

    return call  # type: ignore[return-value]


@magics_class
class CloudMagics(Magics):  # type: ignore[misc]
    """The magics of one kernel."""

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self._verbs: Verbs | None = None

    @property
    def verbs(self) -> Verbs:
        if self._verbs is None:
            from .verbs import Verbs

            self._verbs = Verbs(self.shell)
        return self._verbs

    @cell_magic  # type: ignore[untyped-decorator]
    @one_sentence
    def cloudtrain(self, line: str, cell: str) -> Any:
        return self.verbs.train(line, cell)

    @cell_magic  # type: ignore[untyped-decorator]
    @one_sentence
    def cloudprep(self, line: str, cell: str) -> Any:
        return self.verbs.prep(line, cell)

    @line_magic  # type: ignore[untyped-decorator]
    @one_sentence
    def cloudattach(self, line: str) -> Any:
        """Show a job in this cell, live or again, and bind its results here: ``%cloudattach JOB``"""
        return self.verbs.attach(line)

    @line_magic  # type: ignore[untyped-decorator]
    @one_sentence
    def cloudpull(self, line: str) -> Any:
        """Bind what a job brought home, without its output: ``%cloudpull JOB [-o x,y]``"""
        return self.verbs.pull(line)

    @line_magic  # type: ignore[untyped-decorator]
    @one_sentence
    def cloudlogs(self, line: str) -> Any:
        """Print what a job printed: ``%cloudlogs [-f] JOB``; ``-f`` goes on until it ends, ■ stops looking."""
        return self.verbs.logs(line)

    @line_magic  # type: ignore[untyped-decorator]
    @one_sentence
    def cloudjobs(self, line: str) -> Any:
        """List jobs, newest first: ``%cloudjobs [TEXT] [--state S] [--on kind[:name]] [--experiment E] [-n N]``"""
        return self.verbs.jobs(line)

    @line_magic  # type: ignore[untyped-decorator]
    @one_sentence
    def cloudcancel(self, line: str) -> Any:
        """Ask a job to stop: ``%cloudcancel JOB``"""
        return self.verbs.cancel(line)

    @line_magic  # type: ignore[untyped-decorator]
    @one_sentence
    def cloudretry(self, line: str) -> Any:
        """Start a job that has ended once more, with the same bundle: ``%cloudretry JOB``"""
        return self.verbs.retry(line)

    @line_magic  # type: ignore[untyped-decorator]
    @one_sentence
    def cloudconfig(self, line: str) -> Any:
        return self.verbs.config(line)


CloudMagics.cloudtrain.__doc__ = (
    "Run this cell on a target as if it ran here.\n\n"
    "%%cloudtrain [NAME] [options]\n\n"
    "Values that the cell reads travel there; output, names that it binds, objects that it changes, and errors come "
    "home.\n\n"
    f"{help_text(JOB_FLAGS)}\n{_EXAMPLES}"
)
CloudMagics.cloudprep.__doc__ = (
    "Prepare data with SQL or Python, lazily and larger than memory, from sources to a sink or a name.\n\n"
    "%%cloudprep [NAME] [options]\n\n"
    "A cell that is Python runs as Python: sources are lazy frames of narwhals (`nw`), and the last expression, or the\n"
    "name given with -o, is the result. Else it is SQL in DuckDB's dialect; $name stands for a value of the notebook.\n"
    "Frames of the notebook are tables by their names, too.\n\n"
    f"{help_text(PREP_FLAGS)}\n{_PREP_EXAMPLES}"
)
CloudMagics.cloudconfig.__doc__ = (
    "Set or show the defaults of this notebook's jobs: ``%cloudconfig --on slurm:hpc --experiment churn``\n\n"
    f"{help_text(CONFIG_FLAGS)}\n"
)
