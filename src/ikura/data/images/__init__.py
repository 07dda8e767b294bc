"""Images as data: folders by class, MNIST's and CIFAR's formats, arrays in .npz."""

from ikura.data.images._base import CHOICES, ImageSet
from ikura.data.images.detect import files_of, is_image_data, open_images
from ikura.data.images.image_file import SUFFIXES, decode, decode_all
from ikura.data.images.known import find_image_set

__all__ = [
    "CHOICES",
    "SUFFIXES",
    "ImageSet",
    "decode",
    "decode_all",
    "files_of",
    "find_image_set",
    "is_image_data",
    "open_images",
]
