"""Pillow, loaded when something is drawn or read: 4 MB that a lane and a hand mostly do without."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image, ImageCms, ImageDraw, ImageFilter, ImageFont, ImageOps, ImageSequence

__all__ = ["Image", "ImageCms", "ImageDraw", "ImageFilter", "ImageFont", "ImageOps", "ImageSequence"]

# For annotations, which Python would look up in a module that is not loaded.
type Raster = Image.Image
type Drawing = ImageDraw.ImageDraw
type Font = ImageFont.FreeTypeFont


def __getattr__(name: str) -> Any:
    """Return a module of Pillow."""
    if name not in __all__:
        raise AttributeError(name)
    return import_module(f"PIL.{name}")
