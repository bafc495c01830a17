"""Output events folded as a notebook folds the same messages."""

from __future__ import annotations

from typing import Any

import nbformat

from jupyter_cloudml.journal.outputs import OutputFold, outputs


def _out(kind: str, **fields: Any) -> dict[str, Any]:
    return {"t": 1.0, "k": "output", "output": {"output_type": kind, **fields}}


def _stream(text: str | list[str], name: str = "stdout") -> dict[str, Any]:
    return _out("stream", name=name, text=text)


def _display(text: str, display_id: str = "", kind: str = "display_data") -> dict[str, Any]:
    transient = {"transient": {"display_id": display_id}} if display_id else {}
    return _out(kind, data={"text/plain": text}, metadata={}, **transient)


def _shown(journal: list[dict[str, Any]]) -> list[str]:
    return [o.get("text") or o["data"]["text/plain"] for o in outputs(journal)]


def test_chunks_of_one_stream_join_until_something_comes_between() -> None:
    journal = [
        _stream("a"), _stream(["b", "c"]), _stream("E", "stderr"), _stream("d"), _display("x"), _stream("e"),
    ]  # fmt: skip
    assert _shown(journal) == ["abc", "E", "d", "x", "e"]


def test_an_update_changes_every_output_of_its_display_id() -> None:
    journal = [
        _display("1", "a"), _display("2", "b"), _display("1", "a"), _stream("s"),
        _display("new", "a", "update_display_data"), _display("no", "zz", "update_display_data"),
    ]  # fmt: skip
    assert _shown(journal) == ["new", "2", "new", "s"]


def test_a_second_display_with_an_id_updates_the_first() -> None:
    assert _shown([_display("1", "a"), _display("2", "a")]) == ["2", "2"]


def test_clear_output_clears_at_once_or_with_the_next_output() -> None:
    clear, wait = _out("clear_output", wait=False), _out("clear_output", wait=True)
    assert _shown([_stream("a"), clear, _stream("b")]) == ["b"]
    assert _shown([_stream("a"), clear]) == []
    assert _shown([_stream("a"), wait]) == ["a"]
    assert _shown([_stream("a"), wait, _stream("b")]) == ["b"]
    assert _shown([_stream("a"), wait, _display("b")]) == ["b"]
    assert _shown([_display("1", "a"), clear, _display("2", "a", "update_display_data")]) == []


def test_outputs_can_be_asked_at_any_time() -> None:
    fold = OutputFold()
    seen = []
    for event in (_stream("a"), _stream("b"), _display("x"), _stream("c"), _stream("d")):
        assert fold.apply(event)
        seen.append([o.get("text", "x") for o in fold.outputs()])
    assert seen[:2] == [["a"], ["ab"]]
    assert seen[2:] == [["ab", "x"], ["ab", "x", "c"], ["ab", "x", "cd"]]
    assert not fold.apply({"t": 1, "k": "beat"})
    assert not fold.apply({"t": 1, "k": "output", "output": "damaged"})


def test_the_outputs_are_valid_in_a_notebook() -> None:
    journal = [
        _stream("a"),
        _display("x", "id"),
        _out("execute_result", data={"text/plain": "1"}, metadata={}, execution_count=3),
        _out("error", ename="E", evalue="v", traceback=["t"]),
    ]
    cell = nbformat.v4.new_code_cell("x", outputs=nbformat.from_dict(outputs(journal)))
    nbformat.validate(nbformat.v4.new_notebook(cells=[cell]))
