"""A convolution with TensorFlow's padding, followed by batch norm."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as nnf


class SameConvBN(nn.Module):
    """Convolution without bias, batch norm, and ReLU6 unless linear; padded like TensorFlow's `SAME`.

    The weights were trained in TensorFlow, which pads an even side more at its end. Equal padding at both ends would
    shift every map by a fraction of a cell and cost accuracy.
    """

    def __init__(
        self, channels: int, width: int, kernel: int, *, stride: int = 1, groups: int = 1, linear: bool = False
    ) -> None:
        super().__init__()
        padding = kernel // 2 if stride == 1 else 0
        self.conv = nn.Conv2d(channels, width, kernel, stride, padding, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(width, eps=1e-3, momentum=0.01)
        self.act = nn.Identity() if linear else nn.ReLU6(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        stride = self.conv.stride[0]
        if stride > 1:
            height, width = (_surplus(side, self.conv.kernel_size[0], stride) for side in x.shape[2:])
            x = nnf.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2))
        out: Tensor = self.act(self.bn(self.conv(x)))
        return out


def _surplus(side: int, kernel: int, stride: int) -> int:
    """Padding, both ends together, that gives ceil(side / stride) cells."""
    return max((-(-side // stride) - 1) * stride + kernel - side, 0)
