"""Tensors travel with the graph that they were computed by."""

from __future__ import annotations

import pytest

_NET = """
import torch
from torch import nn
import torch.nn.functional as F
torch.manual_seed(0)
x, y = torch.randn(4, 1, 8, 8), torch.tensor([0, 1, 2, 0])
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)
        self.drop, self.out = nn.Dropout(0.3), nn.Linear(36, 3)
    def forward(self, x):
        return self.out(self.drop(F.max_pool2d(F.relu(self.norm(self.conv(x))), 2).flatten(1)))
net, twin = Net(), Net()
twin.load_state_dict(net.state_dict())
"""


def gradients(net):
    return [p.grad for p in net.parameters()]


def test_a_loss_that_was_computed_there_goes_backward_here_with_the_very_same_gradients(nb):
    nb.home(_NET + "state = torch.get_rng_state(); F.cross_entropy(twin(x), y).backward()")
    nb.far("torch.set_rng_state(state); loss = F.cross_entropy(net(x), y)")
    assert repr(nb.ns["loss"]).endswith("grad_fn=<NllLossBackward0>)")
    nb.home("loss.backward()")
    torch = nb.ns["torch"]
    pairs = zip(gradients(nb.ns["net"]), gradients(nb.ns["twin"]), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_output_loss_and_backward_may_each_run_somewhere_else(nb):
    nb.home(_NET + "state = torch.get_rng_state(); F.cross_entropy(twin(x), y).backward()")
    nb.far("torch.set_rng_state(state); out = net(x)")
    nb.far("loss = F.cross_entropy(out, y)")
    nb.far("loss.backward()")
    torch = nb.ns["torch"]
    pairs = zip(gradients(nb.ns["net"]), gradients(nb.ns["twin"]), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_a_graph_made_here_goes_backward_there_and_the_gradient_comes_home(nb):
    nb.home("import torch\nw = torch.ones(3, requires_grad=True)\ny = (w * 2).exp()")
    nb.far("y.sum().backward()", "y", "w")
    torch = nb.ns["torch"]
    assert torch.equal(nb.ns["w"].grad, 2 * torch.ones(3).mul(2).exp())


def test_what_a_training_loop_leaves_looks_as_it_does_there_and_refuses_a_second_backward(nb):
    nb.home(_NET)
    nb.far("loss = F.cross_entropy(net(x), y)\nloss.backward()")
    assert repr(nb.ns["loss"]).endswith("grad_fn=<NllLossBackward0>)")
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        nb.ns["loss"].backward()


def test_a_second_backward_is_refused_wherever_the_first_one_ran(nb):
    nb.home("import torch\nw = torch.ones(3, requires_grad=True)")
    nb.far("y = (w ** 2).sum()")
    nb.far("y.backward()")
    error = nb.far("y.backward()").exception
    assert "backward through the graph a second time" in str(error)
    assert nb.ns["w"].grad.tolist() == [2, 2, 2]


def test_a_tensor_that_another_was_computed_from_keeps_its_place_in_the_graph(nb):
    nb.home("import torch\na = torch.arange(3.0, requires_grad=True)")
    nb.far("b = a * 2; b.retain_grad(); c = (b ** 2).sum()")
    nb.home("c.backward()")
    assert nb.ns["b"].grad.tolist() == [0, 4, 8]
    assert nb.ns["a"].grad.tolist() == [0, 8, 16]


def test_a_function_of_the_notebook_with_its_own_gradient_travels(nb):
    nb.home("""
    import torch
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, factor):
            ctx.save_for_backward(x)
            ctx.factor = factor
            return x * factor
        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * ctx.factor * x, None
    w = torch.tensor([3.0], requires_grad=True)
    """)
    nb.far("y = Double.apply(w, 5)")
    nb.home("y.backward()")
    assert nb.ns["w"].grad.item() == 15


@pytest.mark.parametrize(
    "made",
    [
        "nn.LSTM(4, 5)(x)[0]",
        "nn.GRU(4, 5)(x)[0]",
        "nn.TransformerEncoderLayer(4, 2, 8)(x)",
        "nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.LayerNorm(8), nn.Linear(8, 2))(x).std()",
        "torch.stack([x, x * w])[:, [0, 1]].permute(1, 0, 2, 3).reshape(-1).norm()",
        "torch.cat([x, w.expand(3, 2, 4)]).max() + (x @ w).clamp(min=0).logsumexp(0).sum()",
        "torch.matmul(torch.ones(4), w.outer(w)) ** 3 / w.sum() - w.cumsum(0).abs().sqrt()",
    ],
)
def test_gradients_are_those_of_torch(nb, made):
    nb.home(f"""
    import torch
    from torch import nn
    torch.manual_seed(0)
    x, w = torch.randn(3, 2, 4), torch.randn(4, requires_grad=True)
    torch.manual_seed(1)
    there = {made}
    torch.manual_seed(1)
    here = {made}
    state = torch.get_rng_state()
    seed = torch.randn(there.shape)
    def leaves(node, found):
        if hasattr(node, "variable"):
            found[id(node.variable)] = node.variable
        for below, _ in node.next_functions:
            if below is not None:
                leaves(below, found)
        return list(found.values())
    wanted = torch.autograd.grad(here, leaves(here.grad_fn, {{}}), seed)
    """)
    nb.far(
        "got = torch.autograd.grad(there, leaves(there.grad_fn, {}), seed)",
        "there",
        "leaves",
        "seed",
        "torch",
    )
    torch, wanted, got = (nb.ns[name] for name in ("torch", "wanted", "got"))
    assert len(wanted) == len(got)
    assert all(torch.equal(one, other) for one, other in zip(wanted, got, strict=True))
