"""Examples as arrays, with statistics of the training set only."""

from ikura.data.encoder._base import Encoder, Features
from ikura.data.encoder.array import ArrayEncoder
from ikura.data.encoder.image import ImageEncoder, PixelStandard
from ikura.data.encoder.table import TableEncoder, array_frame

__all__ = ["ArrayEncoder", "Encoder", "Features", "ImageEncoder", "PixelStandard", "TableEncoder", "array_frame"]
