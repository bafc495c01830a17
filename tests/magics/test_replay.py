from __future__ import annotations

import sys

from jupyter_cloudml.magics.replay import Replay, coalesce


def stream(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def display(text, display_id=None, kind="display_data"):
    output = {"output_type": kind, "data": {"text/plain": text}, "metadata": {}}
    return {**output, "transient": {"display_id": display_id}} if display_id else output


def clear(wait):
    return {"output_type": "clear_output", "wait": wait}


def test_neighbouring_text_of_one_stream_is_merged():
    assert coalesce([stream("a"), stream("b"), stream("c", "stderr"), stream("d")]) == [
        stream("ab"),
        stream("c", "stderr"),
        stream("d"),
    ]


def test_only_the_last_of_many_updates_is_sent():
    updates = [display(str(i), "x", "update_display_data") for i in range(500)]
    assert coalesce([display("0", "x"), *updates]) == [display("0", "x"), updates[-1]]


def test_updates_of_two_displays_do_not_hide_each_other():
    first, second = (display("1", name, "update_display_data") for name in "xy")
    assert coalesce([first, second]) == [first, second]


def test_what_a_clear_wipes_is_never_sent():
    assert coalesce([stream("gone"), clear(True), stream("kept")]) == [clear(True), stream("kept")]
    assert coalesce([stream("gone"), clear(False)]) == [clear(False)]


def test_a_waiting_clear_without_a_successor_keeps_what_is_there():
    assert coalesce([stream("kept"), clear(True)]) == [stream("kept"), clear(True)]


def test_an_error_survives_a_clear():
    error = {"output_type": "error", "ename": "E", "evalue": "", "traceback": []}
    assert error in coalesce([error, clear(False)])


class Pub:
    def __init__(self):
        self.sent = []

    def clear_output(self, wait):
        self.sent.append(("clear", wait))

    def publish(self, *, data, metadata, transient, update):
        self.sent.append((data["text/plain"], transient.get("display_id"), update))


class Shell:
    def __init__(self):
        self.display_pub = Pub()


def test_a_waiting_clear_clears_with_the_next_output_and_the_card_comes_back_first():
    shell = Shell()
    replay = Replay(shell, on_clear=lambda: shell.display_pub.sent.append("card"))
    replay.play([clear(True)])
    assert shell.display_pub.sent == []
    replay.play([display("x")])
    assert shell.display_pub.sent == [("clear", True), "card", ("x", None, False)]


def test_displays_keep_their_ids_and_updates_stay_updates():
    shell = Shell()
    Replay(shell).play([display("a", "i"), display("b", "i", "update_display_data")])
    assert shell.display_pub.sent == [("a", "i", False), ("b", "i", True)]


def test_streams_go_to_the_kernels_own_streams(capsys):
    Replay(Shell()).play([stream("out"), stream("err", "stderr")])
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("out", "err")


def test_a_captured_result_lands_in_the_capture(monkeypatch):
    class Hook:
        outputs = []

    monkeypatch.setattr(sys, "displayhook", Hook)
    Replay(Shell()).play([display("1", kind="execute_result")])
    assert Hook.outputs == [{"data": {"text/plain": "1"}, "metadata": {}}]
