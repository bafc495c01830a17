"""What magics and shell commands read and bind, from the calls that IPython's transformers make of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

from .parse import parsed
from .walk import CellWalk, identifiers

_PYTHON_LINE = {
    "time": "",
    "timeit": "nr",
    "prun": "lsTD",
    "memit": "rti",
    "mprun": "fT",
    "lprun": "fmTDuz",
}
"""Line magics whose argument is Python, with their one-letter options that take a value."""
_PYTHON_CELL = {**_PYTHON_LINE, "capture": "", "snakeviz": "", "pyinstrument": "", "scalene": ""}
_BINDS_NOTHING = frozenset({"timeit", "memit", "mprun", "lprun"})
_OTHER_LANGUAGE = frozenset(
    """! HTML SVG bash file html javascript js latex markdown perl pypy python python2 python3 ruby
    script sh svg sx system writefile code_wrap cmd R sql""".split()  # noqa: SIM905
)
_NAMELESS = frozenset(
    """alias alias_magic autoawait autocall automagic autoreload bookmark cat cd colors conda config cp dhist
    dirs doctest_mode env gui ldir lf lk ll load_ext logoff logon logstart logstate logstop ls lsmagic lx
    magic mamba matplotlib micromamba mkdir mv notebook pastebin pdb pip popd precision pushd pwd pycat
    quickref rehashx reload_ext rm rmdir set_env sc sx system tb unalias unload_ext uv xmode""".split()  # noqa: SIM905
)
_DYNAMIC = frozenset(
    """run who whos who_ls xdel reset reset_selective store macro recall rerun rep load loadpy edit ed
    pylab history hist save debug psearch""".split()  # noqa: SIM905
)
_OUTPUT_OPTIONS = re.compile(r"--(?:out|err|proc)[ =]+(\w+)")
_DOLLAR = re.compile(r"\$\{?([A-Za-z_]\w*)")


class MagicReader:
    """Reports to ``walk`` what each magic in the cell reads and binds; ``magics`` are their names, in order."""

    walk: CellWalk

    def __init__(self, transform: Callable[[str], str] | None) -> None:
        self.magics: list[str] = []
        self._transform = transform

    def shell_call(self, method: str, texts: list[str]) -> None:
        """One ``get_ipython().method(*texts)``; a text is empty where it is not a literal."""
        first, second, third = [*texts, "", "", ""][:3]
        if method == "run_line_magic":
            self._line(first, second)
        elif method == "run_cell_magic":
            self._cell(first, second, third)
        elif method in ("magic", "run_magic"):
            name, _, line = first.lstrip("%").partition(" ")
            self._line(name, line)
        elif method in ("system", "getoutput", "getoutput_system", "system_raw", "system_piped"):
            self._expanded(first)

    def _line(self, name: str, line: str) -> None:
        self.magics.append(f"%{name}")
        if name in _DYNAMIC:
            self.walk.is_dynamic = True
            self._deleted_by(name, line)
        if name in _PYTHON_LINE:
            self._python(without_options(line, _PYTHON_LINE[name]), is_local=name in _BINDS_NOTHING)
            return
        self._expanded(line)
        if name not in _NAMELESS and name not in _DYNAMIC:
            self.walk.mentioned |= identifiers(line)

    def _cell(self, name: str, line: str, body: str) -> None:
        self.magics.append(f"%%{name}")
        self._expanded(line)
        if name in _PYTHON_CELL:
            is_local = name in _BINDS_NOTHING
            setup = [without_options(line, _PYTHON_CELL[name])] if is_local else []
            self._python(*setup, body, is_local=is_local)
            if name == "capture":
                self._bound([word for word in line.split() if word.isidentifier()])
        elif name in _OTHER_LANGUAGE:
            self._bound(_OUTPUT_OPTIONS.findall(line))
            if name in ("sx", "system", "!"):
                self._expanded(body)
        else:
            self._unknown(line, body)

    def _deleted_by(self, name: str, line: str) -> None:
        if name == "xdel":
            self.walk.deletes |= identifiers(without_options(line, ""))

    def _bound(self, names: list[str]) -> None:
        for name in names:
            self.walk.store(name)

    def _python(self, *sources: str, is_local: bool) -> None:
        """Walk Python texts; ``is_local``: what they bind stays in a function of the magic's own."""
        binds = set(self.walk.binds)
        surely_bound = set(self.walk.surely_bound)
        for source in sources:
            self.walk.body(self._parsed(source) or [])
        if is_local:
            self.walk.binds = binds
            self.walk.surely_bound = surely_bound

    def _unknown(self, line: str, body: str) -> None:
        """A magic of somebody else's: whatever it may name travels if it can, nothing is required."""
        self.walk.mentioned |= identifiers(line) | identifiers(body)

    def _expanded(self, text: str) -> None:
        """Names in ``{expression}`` and ``$name``, as IPython expands them."""
        self.walk.reads |= {
            name for name in _DOLLAR.findall(text) if name not in self.walk.surely_bound
        }
        for expression in braced(text):
            statements = self._parsed(expression)
            if statements:
                self.walk.body(statements)

    def _parsed(self, source: str) -> list[ast.stmt] | None:
        try:
            return parsed(source, self._transform).body
        except (SyntaxError, ValueError, RecursionError):
            return None


def without_options(line: str, with_value: str) -> str:
    """``line`` after its leading options: ``-n1 -r 3 f(x)`` → ``f(x)`` where n and r take values."""
    rest = line.lstrip()
    while match := re.match(r"(--?)([A-Za-z][\w-]*)(?:\s+|$)", rest):
        dashes, word = match.groups()
        rest = rest[match.end() :]
        takes_next = dashes == "-" and len(word) == 1 and word in with_value
        if takes_next:
            rest = rest.partition(" ")[2].lstrip()
    return rest


def braced(text: str) -> list[str]:
    """The texts inside outermost braces; doubled braces are literal braces."""
    found, depth, start = [], 0, 0
    plain = text.replace("{{", "  ").replace("}}", "  ")
    for index, char in enumerate(plain):
        if char == "{":
            if depth == 0:
                start = index + 1
            depth += 1
        elif char == "}" and depth:
            depth -= 1
            if depth == 0:
                found.append(plain[start:index])
    return [expression for expression in found if expression.strip()]
