"""From the text of a cell to the names it touches."""

from __future__ import annotations

from collections.abc import Callable

from .magics import MagicReader
from .names import CellNames
from .parse import parsed
from .walk import CellWalk


def analyse(source: str, shell_transform: Callable[[str], str] | None = None) -> CellNames:
    """The names that the cell ``source`` reads, binds and deletes as globals of the notebook.

    ``source`` is Python as IPython's input transformers leave it; or the raw cell, with the shell's
    ``transform_cell`` as ``shell_transform``. The bodies of ``%%time``, ``%%timeit``, ``%%capture``
    and ``%%prun`` are analysed like the cell itself.

    Pure, never raises for a cell that is not Python: ``syntax_error`` then says why.
    """
    try:
        tree = parsed(source, shell_transform)
    except (SyntaxError, ValueError) as exc:
        return CellNames(syntax_error=str(exc) or type(exc).__name__)
    except RecursionError:
        return CellNames(syntax_error="the cell is nested too deeply")
    reader = MagicReader(shell_transform)
    walk = CellWalk(reader.shell_call)
    reader.walk = walk
    walk.body(tree.body)
    reads = walk.reads | (walk.deferred - walk.binds)
    return CellNames(
        reads=frozenset(reads),
        may_read=frozenset((walk.deferred | walk.mentioned) - reads),
        binds=frozenset(walk.binds),
        deletes=frozenset(walk.deletes),
        must_exist=frozenset(walk.must_exist - reads),
        star_imports=tuple(walk.star_imports),
        imports=frozenset(walk.imports),
        magics=tuple(reader.magics),
        is_dynamic=walk.is_dynamic,
        unpickles=walk.unpickles,
    )
