"""Small convolutional networks on the CPU, compiled: forward and backward pass written for what stays in the cache.

Patches and a matrix product make the convolution (the first layer's patches image by image, planar); scale, shift, the
2 × 2 maximum and the activation follow while the result is in the cache. Behind a maximum three pixels of four have no
error: the backward pass adds only the patches of the fourth.
"""

from ikura.population.convolution.tile import ConvolutionTile

__all__ = ["ConvolutionTile"]
