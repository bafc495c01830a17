"""A view that the far cell makes on captured memory is a view on the home object's memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch

VIEWS = {
    "row": "v = a[1]",
    "steps": "v = a[1:, ::2]",
    "transposed": "v = a.T",
    "backwards": "v = a[::-1, ::-1]",
    "flat": "v = a.reshape(-1)",
    "other dtype": "v = a.view('u1')",
    "two rows": "v = a[1:, :]",
    "inside a container": "v = a[0]; held = [v, {'k': a[1]}]",
    "broadcast": "import numpy as np; v = np.broadcast_to(a[0], (5, 4))",
}


@pytest.mark.parametrize("case", VIEWS)
def test_new_view_on_a_captured_array_shares_its_memory_at_home(nb, case):
    nb.home("import numpy as np\na = np.arange(12.0).reshape(3, 4)")
    a = nb.ns["a"]
    nb.far(VIEWS[case], "a")
    expected: dict = {"a": a}
    exec(VIEWS[case], expected)
    v, wanted = nb.ns["v"], expected["v"]
    assert v.__array_interface__["data"] == wanted.__array_interface__["data"]
    assert (v.shape, v.strides, v.dtype) == (wanted.shape, wanted.strides, wanted.dtype)
    assert v.flags.writeable == wanted.flags.writeable
    assert v.base is a.base or v.base is a
    a[:] = 7
    assert np.array_equal(v, wanted)


def test_view_on_an_array_that_the_same_cell_changes_sees_the_change(nb):
    nb.home("import numpy as np\na = np.arange(12).reshape(3, 4)")
    nb.far("view = a[1:, ::2]; view[:] = -1", "a")
    assert nb.ns["a"][1:, ::2].tolist() == [[-1, -1], [-1, -1]]
    assert np.shares_memory(nb.ns["a"], nb.ns["view"])


def test_view_on_a_strided_array_that_is_itself_a_view_shares_memory(nb):
    nb.home("import numpy as np\nwhole = np.arange(40).reshape(5, 8)\npart = whole[1:4, 1:7]")
    nb.far("v = part[1:, ::2]", "part")
    assert nb.ns["v"].tolist() == nb.ns["whole"][2:4, 1:7:2].tolist()
    assert np.shares_memory(nb.ns["v"], nb.ns["whole"])


def test_view_on_a_sparse_array_that_travelled_without_its_gaps_has_the_right_content(nb):
    nb.home("import numpy as np\npart = np.arange(1000)[::100]")
    nb.far("v = part[1:3]", "part")
    assert nb.ns["v"].tolist() == [100, 200]


def test_view_on_a_large_mapped_array_shares_memory(nb):
    nb.home("import numpy as np\nX = np.zeros((200, 1000))")
    nb.far("row = X[7]; row[:] = 3", "X")
    assert nb.ns["row"].base is nb.ns["X"]
    assert nb.ns["X"][7].sum() == 3000


def test_new_view_on_a_captured_tensor_shares_its_storage_at_home(nb):
    nb.home(
        """
        import torch
        t = torch.arange(6.0)
        layer = torch.nn.Linear(3, 2)
        """
    )
    nb.far("v = t.view(2, 3); w = layer.weight.data; d = layer.weight.detach()[0]; t += 1")
    nb.ns["t"][0] = 42
    with torch.no_grad():
        nb.ns["layer"].weight[:] = 5
    assert nb.ns["v"].tolist() == [[42, 2, 3], [4, 5, 6]]
    assert nb.ns["w"].tolist() == [[5] * 3] * 2
    assert nb.ns["d"].tolist() == [5] * 3


def test_array_on_a_tensor_and_tensor_on_an_array_share_memory(nb):
    nb.home("import numpy as np, torch\nt = torch.zeros(4)\na = np.zeros(4)")
    nb.far("import torch; n = t.numpy(); m = torch.from_numpy(a)", "t", "a")
    nb.ns["t"][1] = 1
    nb.ns["a"][2] = 2
    assert nb.ns["n"].tolist() == [0, 1, 0, 0]
    assert nb.ns["m"].tolist() == [0, 0, 2, 0]


def test_copies_and_views_on_resized_memory_do_not_share(nb):
    nb.home("import numpy as np, torch\na = np.zeros(4)\nt = torch.zeros(4)")
    nb.far("import torch; c = a.copy(); t.data = torch.ones(2); v = t.detach()[:1]", "a", "t")
    assert not np.shares_memory(nb.ns["a"], nb.ns["c"])
    assert nb.ns["t"].tolist() == [1, 1]
    assert nb.ns["v"].tolist() == [1]
