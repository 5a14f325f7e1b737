"""A backbone prepared to run once over many pictures: the same numbers in half the time on a CPU."""

from __future__ import annotations

import copy
from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from crossmodal_hash.backbones._same_conv import SameConvBN
from crossmodal_hash.contracts import Backbone

# Only where the order of definition is known to be the order of computation; elsewhere a norm may serve another path.
_IN_ORDER = (nn.Sequential, SameConvBN)


def folded(backbone: Backbone) -> Backbone:
    """A copy for inference: batch norms merged into the convolutions before them, weights in channels-last order.

    Outputs agree up to rounding. In `in_order` a backbone lists the module classes that compute in their order of
    definition; other networks keep their norms and gain only from the memory order. The copy stays in evaluation mode,
    has no gradients, and its state dict differs from the original's: do not save it.

    Measured for EfficientNet-Lite0 on one CPU thread, 128 to 224 pixels: 1.8 to 2.3 times the pictures per second;
    merging alone gives 1.2, the memory order alone 1.2 to 1.6.

    Example:
        >>> from crossmodal_hash.backbones.efficientnet_lite0 import EfficientNetLite0
        >>> fast = folded(EfficientNetLite0(weights="none", size=32))
        >>> any(isinstance(module, nn.BatchNorm2d) for module in fast.modules())
        False
    """
    fast = copy.deepcopy(backbone).eval().requires_grad_(False)
    in_order = (*_IN_ORDER, *getattr(backbone, "in_order", ()))
    for parent in list(fast.modules()):
        if isinstance(parent, in_order):
            for (name, conv), (norm_name, norm) in pairwise(list(parent.named_children())):
                if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    setattr(parent, name, fuse_conv_bn_eval(conv, norm))
                    setattr(parent, norm_name, nn.Identity())
    for module in fast.modules():
        if isinstance(module, nn.Conv2d):
            module.to(memory_format=torch.channels_last)
    return fast
