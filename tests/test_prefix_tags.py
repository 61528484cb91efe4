"""Tags in a prefix of version 2: how few bytes those take that usual writers have."""

import pytest

import reference_scenes
from apercu.format.chunks import Scene
from apercu.format.prefix import pack_prefix, read_prefix

USUAL = {"TIFFTAG_RESOLUTIONUNIT": "1 (unitless)", "TIFFTAG_XRESOLUTION": "1", "TIFFTAG_YRESOLUTION": "1"}
PRODUCT = {  # as GDAL's driver has them, here in part
    "CLOUD_COVERAGE_ASSESSMENT": "23.7143",
    "DATATAKE_1_DATATAKE_SENSING_START": "2018-07-11T10:46:01.024Z",
    "DATATAKE_1_DATATAKE_TYPE": "INS-NOBS",
    "DATATAKE_1_ID": "GS2A_20180711T104601_015938_N02.06",
    "DATATAKE_1_SENSING_ORBIT_DIRECTION": "DESCENDING",
    "DATATAKE_1_SENSING_ORBIT_NUMBER": "51",
    "DATATAKE_1_SPACECRAFT_NAME": "Sentinel-2A",
    "FORMAT_CORRECTNESS": "PASSED",
    "GENERAL_QUALITY": "PASSED",
    "PROCESSING_LEVEL": "Level-1C",
    "PRODUCT_START_TIME": "2018-07-11T10:46:01.024Z",
    "PRODUCT_STOP_TIME": "2018-07-11T10:46:01.024Z",
    "PRODUCT_TYPE": "S2MSI1C",
    "QUANTIFICATION_VALUE": "10000",
    "REFLECTANCE_CONVERSION_U": "0.967487834",
}


@pytest.mark.parametrize(
    ("tags", "most"),
    [
        ({"OVR_RESAMPLING_ALG": "NEAREST"}, 1),
        ({"OVR_RESAMPLING_ALG": "RMS"}, 1),
        (USUAL, 1),
        ({"OVR_RESAMPLING_ALG": "CUBIC", **USUAL}, 1),
        ({"TIFFTAG_SOFTWARE": "tifffile.py", **USUAL}, 1),
        ({"TIFFTAG_SOFTWARE": "mine", **USUAL}, 15),
        ({"STATISTICS_MAXIMUM": "3061", "STATISTICS_MEAN": "1021.3", "STATISTICS_MINIMUM": "12"}, 30),
        (PRODUCT, 120),
    ],
)
def test_tags_of_the_usual_writers_take_few_bytes(tags, most):
    scene = Scene(tags={(0, ""): tags})
    data = pack_prefix(scene)
    assert len(data) <= 8 + 2 + most
    assert read_prefix(data)[0] == scene
    assert reference_scenes.read(data)[0][0x05] == scene.tags


def test_usual_tags_of_bands_or_namespaces_are_no_number():
    for place in ((1, ""), (0, "X")):
        scene = Scene(tags={place: USUAL})
        assert read_prefix(pack_prefix(scene))[0] == scene
