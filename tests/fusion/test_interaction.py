import pytest
import torch

from crossmodal_hash.fusion._interaction import interact, signed_sqrt_l2


def test_output_m_is_a_bilinear_form_of_rank_one():
    a, b = torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 5, dtype=torch.float64)
    u, v = torch.randn(6, 3, dtype=torch.float64), torch.randn(6, 5, dtype=torch.float64)
    z = interact(a, b, u, v)
    for i in range(4):
        for m in range(6):
            torch.testing.assert_close(z[i, m], a[i] @ torch.outer(u[m], v[m]) @ b[i])


def test_biases_belong_to_the_factors():
    a, b = torch.tensor([[2.0]]), torch.tensor([[3.0]])
    one, r, q = torch.ones(1, 1), torch.tensor([10.0]), torch.tensor([20.0])
    assert interact(a, b, one, one, r, q).item() == (2 + 10) * (3 + 20)


def test_signed_root_keeps_the_sign_and_gives_rows_of_unit_scale():
    z = torch.tensor([[4.0, -9.0, 0.0]])
    expected = torch.tensor([[2.0, -3.0, 0.0]]) / 13**0.5 * 3**0.5
    torch.testing.assert_close(signed_sqrt_l2(z), expected)


@pytest.mark.parametrize("row", [[0.0, 0.0], [0.0, 1.0]])
def test_signed_root_has_a_finite_gradient_at_zero(row):
    z = torch.tensor([row], requires_grad=True)
    signed_sqrt_l2(z).sum().backward()
    assert z.grad.isfinite().all()
