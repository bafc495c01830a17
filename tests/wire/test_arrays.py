"""Arrays and tensors: exact values, shared memory stays shared, devices and gradients are kept."""

from __future__ import annotations

import pytest

from jupyter_cloudml.core.errors import CannotTravel

ARRAYS = {
    "non-contiguous": "np.arange(20)[::3]",
    "negative strides": "np.arange(20)[::-2]",
    "fortran": "np.asfortranarray(np.arange(12.0).reshape(3, 4))",
    "structured": "np.array([(1, 2.5, 'a')], dtype=[('i', 'i4'), ('f', 'f8', (1,)), ('s', 'U2')])",
    "nested structure": "np.zeros(2, dtype=[('p', [('x', 'f4'), ('y', 'f4')]), ('n', 'i8')])",
    "object": "np.array([1, 'a', None, [2]], dtype=object)",
    "empty": "np.empty((0, 3), dtype='f4')",
    "scalar array": "np.array(5)",
    "datetime": "np.array(['2020-01-01', 'NaT'], dtype='M8[ns]')",
    "text": "np.array(['a', 'bcd'])",
    "big endian": "np.arange(3, dtype='>i4')",
    "complex": "np.array([1 + 2j, np.nan])",
    "broadcast": "np.broadcast_to(np.arange(3), (4, 3))",
    "masked": "np.ma.array([1, 2, 3], mask=[0, 1, 0])",
    "large sparse view": "np.arange(400_000)[::100]",
    "string dtype": "np.array(['x', 'long text'], dtype=np.dtypes.StringDType())",
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_array_arrives_and_returns_exactly(nb, kind):
    nb.home(f"import numpy as np\na = {ARRAYS[kind]}")
    a = nb.ns["a"]
    nb.far(
        f"""
        b = a
        expected = {ARRAYS[kind]}
        same = (a.dtype == expected.dtype, a.shape == expected.shape, type(a) is type(expected),
                repr(a) == repr(expected), a.flags.writeable == expected.flags.writeable)
        c = expected
        """
    )
    assert nb.ns["same"] == (True,) * 5
    assert nb.ns["b"] is a
    assert repr(nb.ns["c"]) == repr(a)
    assert nb.ns["c"].dtype == a.dtype


def test_view_and_its_base_share_memory_at_both_ends(nb):
    nb.home(
        "import numpy as np; base = np.zeros((4, 4)); view = base[1:3, ::2]; flat = base.ravel()"
    )
    nb.far("view[:] = 5; shares = np.shares_memory(view, base) and np.shares_memory(flat, base)")
    assert nb.ns["shares"]
    assert nb.ns["base"].sum() == 20
    assert nb.ns["flat"].sum() == 20


def test_array_and_tensor_over_the_same_memory_go_on_sharing_it(nb):
    nb.home("import numpy as np, torch; a = np.zeros(4); t = torch.from_numpy(a)")
    nb.far("t[2] = 3; seen = a[2]")
    assert nb.ns["seen"] == 3
    assert nb.ns["a"][2] == 3
    assert nb.ns["t"][2] == 3


def test_read_only_array_stays_read_only_and_memory_map_is_written_through(nb, tmp_path):
    nb.ns["path"] = str(tmp_path / "m.bin")
    nb.home(
        """
        import numpy as np
        fixed = np.arange(3); fixed.setflags(write=False)
        mapped = np.memmap(path, dtype='i4', mode='w+', shape=(3,))
        """
    )
    nb.far("writeable = fixed.flags.writeable; mapped[1] = 7", "fixed", "mapped")
    assert nb.ns["writeable"] is False
    nb.ns["mapped"].flush()
    assert (tmp_path / "m.bin").read_bytes() == b"\0\0\0\0\7\0\0\0\0\0\0\0"


def test_model_and_optimizer_belong_together_at_both_ends(nb):
    nb.home(
        """
        import torch
        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.fc = torch.nn.Linear(2, 2)
                self.tied = self.fc.weight
            def forward(self, x):
                return self.fc(x)
        model = Net()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
        weight = model.fc.weight
        before = weight.detach().clone()
        """
    )
    weight = nb.ns["weight"]
    nb.far(
        """
        tied = model.tied is model.fc.weight is optimizer.param_groups[0]['params'][0]
        for _ in range(2):
            optimizer.zero_grad()
            loss = model(torch.ones(1, 2)).sum()
            loss.backward()
            optimizer.step()
        after = model.fc.weight.detach().clone()
        """,
        "model",
        "optimizer",
        "torch",
    )
    torch = nb.ns["torch"]
    model, optimizer = nb.ns["model"], nb.ns["optimizer"]
    assert nb.ns["tied"]
    assert model.fc.weight is weight is model.tied is optimizer.param_groups[0]["params"][0]
    assert torch.equal(weight.detach(), nb.ns["after"])
    assert not torch.equal(weight.detach(), nb.ns["before"])
    assert optimizer.state[weight]["step"] == 2
    assert weight.grad is not None
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    assert optimizer.state[weight]["step"] == 3


def test_only_the_model_is_captured_and_every_alias_at_home_sees_the_training(nb):
    nb.home(
        """
        import torch
        model = torch.nn.Linear(2, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        alias = list(model.parameters())
        """
    )
    nb.far("with torch.no_grad(): model.weight.fill_(3.0)\nmodel.eval()", "model", "torch")
    assert nb.ns["alias"][0].tolist() == [[3.0, 3.0]]
    assert nb.ns["optimizer"].param_groups[0]["params"][0].tolist() == [[3.0, 3.0]]
    assert nb.ns["model"].training is False


def test_tensor_views_share_their_storage_after_the_trip(nb):
    nb.home("import torch; t = torch.zeros(3, 4); row = t[1]; turned = t.T")
    nb.far("row += 2; total = turned.sum().item()")
    assert nb.ns["total"] == 8
    assert nb.ns["t"].sum().item() == 8
    assert nb.ns["turned"].stride() == (1, 4)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int64", "bool", "complex64", "uint8"])
def test_tensor_types_are_exact(nb, dtype):
    nb.home(f"import torch; t = torch.ones(3).to(torch.{dtype})")
    nb.far("u = t.clone(); kind = str(t.dtype)")
    assert nb.ns["kind"] == f"torch.{dtype}"
    assert nb.ns["torch"].equal(nb.ns["t"], nb.ns["u"])


def test_requires_grad_parameters_sparse_tensors_and_attributes_travel(nb):
    nb.home(
        """
        import torch
        w = torch.ones(2, requires_grad=True)
        p = torch.nn.Parameter(torch.ones(2), requires_grad=False)
        (w * 2).sum().backward()
        s = torch.eye(3).to_sparse()
        tagged = torch.ones(1); tagged.note = 'mine'
        """
    )
    nb.far(
        """
        facts = (w.requires_grad, w.grad.tolist(), type(p).__name__, p.requires_grad,
                 s.is_sparse, s.to_dense().sum().item(), tagged.note)
        w.grad = None
        """
    )
    assert nb.ns["facts"] == (True, [2, 2], "Parameter", False, True, 3, "mine")
    assert nb.ns["w"].grad is None


def test_cuda_tensor_arrives_on_the_cpu_where_no_gpu_is(nb):
    from jupyter_cloudml.wire.leaves import available_device

    nb.home("import torch")
    expected = "cuda:99" if nb.ns["torch"].cuda.device_count() > 99 else "cpu"
    assert available_device("cuda:99") == expected


def test_captured_tensor_whose_graph_cannot_be_built_again_is_refused_with_the_way_out(nb):
    nb.home("import torch\nw = torch.ones(3, requires_grad=True)\ny = torch.lgamma(w)")
    with pytest.raises(CannotTravel, match=r"'y' cannot travel: it is .* graph") as caught:
        nb.far("y.sum().backward()", "y", "w")
    assert "detach" in caught.value.hint


def test_such_a_graph_inside_a_captured_object_stays_and_backward_through_it_says_so(nb):
    nb.home("import torch\nw = torch.ones(3, requires_grad=True)\nlosses = [torch.lgamma(w).sum()]")
    first = nb.ns["losses"][0]
    nb.far("mean = sum(l.item() for l in losses); losses.append(1)", "losses")
    assert nb.ns["mean"] == 0
    assert nb.ns["losses"][0] is first
    error = nb.far("losses[0].backward()", "losses").exception
    assert "compute it in the cell that calls backward()" in str(error)


def test_tensor_with_such_a_graph_comes_home_detached_with_a_note(nb):
    nb.home("import torch\nw = torch.ones(3, requires_grad=True)")
    applied = nb.far("y = torch.lgamma(w); z = w.detach() * 3", "w", "torch")
    y = nb.ns["y"]
    assert (y.tolist(), y.requires_grad) == ([0, 0, 0], False)
    assert set(applied.notes) == {"y"}
