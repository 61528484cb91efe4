"""A VRT that shows an apercu file to GDAL: to gdalinfo, rasterio, QGIS and whatever else reads rasters by it.

The VRT says all that is said of the scene, and has a pixel function in Python that asks for the samples, window by
window. GDAL runs such functions where GDAL_VRT_ENABLE_PYTHON=YES is set, since a VRT could hold any program.
"""

import inspect
import os
import sys
import tempfile
from xml.etree import ElementTree

from apercu.bridges import geo, geo_write, vrt_function
from apercu.bridges.geo_open import check_name, rasterio_of
from apercu.bridges.geo_write import NO_XML

_SOURCES = {"SimpleSource", "ComplexSource"}


def vrt(path: str | os.PathLike[str], *, full_size: bool = False, python: str = sys.executable) -> str:
    """The text of a VRT of an apercu file.

    Args:
        path: of the file, which the VRT names by its absolute path.
        full_size: where the image is coded at a reduced size, whether to show the full one.
        python: the interpreter that has apercu.

    Raises:
        OptionError: a name that is not UTF-8.
        MissingExtra: rasterio is not installed.
        FormatError, OSError: as `apercu.bridges.geo.open`.
    """
    rasterio_of("a VRT needs")
    from rasterio.shutil import copy

    check_name(path, "a VRT")
    raster = geo.open(path, full_size=full_size).raster()
    with tempfile.TemporaryDirectory(prefix="apercu-") as folder:
        empty, made = (os.path.join(folder, name) for name in ("scene.tif", "scene.vrt"))
        geo_write.write_empty(empty, raster)  # GDAL itself knows best how a VRT says what is said of a scene
        with geo_write.faults_of_gdal():
            copy(empty, made, driver="VRT", copy_src_mdd="YES")
        root = ElementTree.parse(made).getroot()
    for metadata in root.findall("Metadata[@domain='IMAGE_STRUCTURE']"):
        root.remove(metadata)
    arguments = {"python": python, "file": os.path.abspath(path), "full_size": "yes" if full_size else "no"}
    for number, band in enumerate(root.findall("VRTRasterBand"), 1):
        _derive(band, {**arguments, "band": str(number)})
        for (of_band, namespace), pairs in (raster.scene.tags or {}).items():
            if of_band == number and namespace:  # which GDAL leaves out
                metadata = ElementTree.SubElement(band, "Metadata", domain=NO_XML.sub("", namespace))
                for name, value in pairs.items():
                    ElementTree.SubElement(metadata, "MDI", key=NO_XML.sub("", name)).text = NO_XML.sub("", value)
    for band in root.findall("MaskBand/VRTRasterBand"):
        _derive(band, {**arguments, "band": "0"})
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _derive(band: ElementTree.Element, arguments: dict[str, str]) -> None:
    """Let a pixel function make the samples of a band, in place of another raster."""
    for source in [child for child in band if child.tag in _SOURCES]:
        band.remove(source)
    band.set("subClass", "VRTDerivedRasterBand")
    for name, text in (
        ("PixelFunctionType", vrt_function.window.__name__),
        ("PixelFunctionLanguage", "Python"),
        ("PixelFunctionCode", inspect.getsource(vrt_function)),
    ):
        ElementTree.SubElement(band, name).text = text
    ElementTree.SubElement(band, "PixelFunctionArguments", arguments)
