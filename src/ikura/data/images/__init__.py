"""Images as data: folders by class, MNIST's and CIFAR's formats, arrays in .npz."""

from ikura.data.images._base import CHOICES, Pictures
from ikura.data.images.detect import files_of, is_image_data, open_pictures
from ikura.data.images.known import find_image_set
from ikura.data.images.picture import SUFFIXES, decode, decode_all

__all__ = [
    "CHOICES",
    "SUFFIXES",
    "Pictures",
    "decode",
    "decode_all",
    "files_of",
    "find_image_set",
    "is_image_data",
    "open_pictures",
]
