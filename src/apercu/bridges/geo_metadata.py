"""What rasterio says of a scene beside its samples, and the same as a prefix says it (spec/scenes.md, "Chunks").

GDAL makes some namespaces of tags itself, of how a file is written and of what else is said here; they are left out.
"""

import math
import re
from dataclasses import replace
from typing import Any

from apercu.bridges.label import Label
from apercu.errors import FileFormatError
from apercu.format.chunks import Bands, ControlPoint, Crs, Gcps, Geo, Rpcs, Scene, Tags

_MADE_BY_GDAL = frozenset(
    {
        "COLOR_PROFILE",
        "DERIVED_SUBDATASETS",
        "IMAGE_STRUCTURE",
        "LocationInfo",
        "RPC",
        "SUBDATASETS",
        "xml:VRT",
        "xml:gml.root-instance",  # the georeference of a JPEG 2000
    }
)
_AREA_OR_POINT = "AREA_OR_POINT"
_XMP = "xml:XMP"
_CODE = re.compile(r"(\w+):(\w+)", re.ASCII)
"""A reference system by authority and code, such as ESRI:102008."""
_COEFFICIENTS = 20


def described(dataset: Any, bands: list[int], interpretation: str, has_alpha: bool, with_tags: bool = True) -> Scene:
    """What an open rasterio dataset says.

    Args:
        dataset: open for reading.
        bands: the numbers, from 1, of those that are coded, and at the end that of an alpha that becomes a mask.
        interpretation: of what is coded, as in the head of a file; colours that follow from it are not said.
        has_alpha: whether the last of `bands` is such an alpha.
        with_tags: whether to take the tags, and names and units of bands.
    """
    usual = usual_colours(interpretation, len(bands), has_alpha)
    return Scene(
        geo=_geo(dataset),
        gcps=_gcps(*dataset.gcps),
        rpcs=_rpcs(dataset),
        bands=_bands(dataset, [band - 1 for band in bands], usual, with_tags),
        tags=(_tags(dataset, bands) or None) if with_tags else None,
    )


def labelled(scene: Scene, label: Label) -> Scene:
    """A scene that says how its picture was made: XMP, and the software as TIFF has it."""
    tags = dict(scene.tags or {})
    # GDAL takes names in capitals or not for the same, and what it is given last for what counts.
    others = {place: said for place, said in tags.items() if place[1].lower() != _XMP.lower()}
    software = {"TIFFTAG_SOFTWARE": label.software}
    own = {name: text for name, text in tags.get((0, ""), {}).items() if name.upper() not in software}
    described = {"TIFFTAG_IMAGEDESCRIPTION": label.sentence} | own | software
    return replace(scene, tags={**others, (0, ""): described, (0, _XMP): {_XMP: label.xmp.decode()}})


def describe(dataset: Any, scene: Scene, interpretation: str) -> None:
    """Let a rasterio dataset that is open for writing say what `described` found; its reference system, transform and
    no-data value it has from its profile."""
    n_bands = dataset.count
    for (number, namespace), pairs in (scene.tags or {}).items():
        if number <= n_bands:
            dataset.update_tags(number, ns=namespace or None, **as_written(namespace, pairs))
    if scene.geo and scene.geo.point:
        dataset.update_tags(**{_AREA_OR_POINT: "Point"})
    if scene.gcps:
        from rasterio.crs import CRS

        dataset.gcps = control_points(scene.gcps), crs_as_rasterio(scene.gcps.crs) or CRS()  # of none, an empty one
    if scene.rpcs:
        dataset.update_tags(ns="RPC", **rpc_tags(scene.rpcs))
    said = scene.bands or Bands()
    for band, name in enumerate(said.names or (), 1):
        if name is not None:
            dataset.set_band_description(band, name)
    for field, values in (("units", said.units), ("scales", said.scales), ("offsets", said.offsets)):
        if values:
            default: Any = {"units": "", "scales": 1.0, "offsets": 0.0}[field]
            more = [default] * (n_bands - len(values))  # a band of alpha
            setattr(dataset, field, [default if value is None else value for value in values] + more)
    wanted = colours_of(scene, interpretation, n_bands)
    if [colour.name for colour in dataset.colorinterp] != wanted:
        kinds = type(dataset.colorinterp[0])
        dataset.colorinterp = [kinds.__members__.get(name, kinds.undefined) for name in wanted]


def colours_of(scene: Scene, interpretation: str, n_bands: int) -> list[str]:
    """The colour interpretation of each band, by rasterio's names; what follows the coded bands is alpha."""
    usual = usual_colours(interpretation, n_bands, has_mask_of_alpha(scene))
    said = scene.bands.colours if scene.bands and scene.bands.colours else ()
    return [name or usual[band] for band, name in enumerate(said)] + usual[len(said) :]


def has_mask_of_alpha(scene: Scene) -> bool:
    """Whether its mask was a band of alpha, which is one more than those that are coded."""
    return scene.mask is not None and scene.mask.kind == "alpha"


def usual_colours(interpretation: str, n_bands: int, has_alpha: bool) -> list[str]:
    """The colour interpretations of bands of which nothing else is said; the last may be a mask of alpha."""
    if interpretation in ("rgb", "rgba"):  # of which the last may be one more alpha
        return ["red", "green", "blue", "alpha", "alpha"][:n_bands]
    found = ["gray", *["undefined"] * (n_bands - 1)]
    return [*found[:-1], "alpha"] if has_alpha else found


def crs_said(crs: Any) -> Crs:
    """A rasterio CRS as its EPSG code, where that means the same, else by the code of another authority, else as the
    shortest WKT that does."""
    from rasterio.crs import CRS
    from rasterio.enums import WktVersion
    from rasterio.errors import CRSError

    if not crs:
        return None
    try:
        code = crs.to_epsg()
        if code is not None and CRS.from_epsg(code) == crs:
            return int(code)
        authority = crs.to_authority()
        if authority and _CODE.fullmatch(":".join(authority)) and CRS.from_authority(*authority) == crs:
            return ":".join(authority)
    except CRSError:  # of no authority, or a code that this version of PROJ does not know
        pass
    for version in (WktVersion.WKT1_GDAL, WktVersion.WKT2_2019):
        try:
            wkt = str(crs.to_wkt(version=version))
            if CRS.from_wkt(wkt) == crs:
                return wkt
        except CRSError:  # a system that WKT 1 cannot express
            continue
    return str(crs.to_wkt())


def crs_as_rasterio(crs: Crs) -> Any:
    """The inverse. Raises FileFormatError for one that PROJ does not know."""
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    if crs is None:
        return None
    try:
        if isinstance(crs, int):
            return CRS.from_epsg(crs)
        code = _CODE.fullmatch(crs)
        return CRS.from_authority(*code.groups()) if code else CRS.from_wkt(crs)
    except CRSError as error:
        raise FileFormatError(f"a reference system that PROJ does not know: {error}") from error


def code_of(crs: Crs) -> str | None:
    """The authority and code of a reference system, "EPSG:32632" or "ESRI:102008"; None of one that is said by a WKT,
    and where there is none."""
    if isinstance(crs, int):
        return f"EPSG:{crs}"
    return crs if crs and _CODE.fullmatch(crs) else None


def _geo(dataset: Any) -> Geo | None:
    transform = tuple(float(number) for number in tuple(dataset.transform)[:6])
    known = not dataset.transform.is_identity and all(map(math.isfinite, transform))  # by identity GDAL means none
    geo = Geo(
        crs_said(dataset.crs),
        transform if known else None,  # type: ignore[arg-type]  # of six numbers
        str(dataset.tags().get(_AREA_OR_POINT, "")).lower() == "point",
    )
    return None if geo == Geo() else geo


def _gcps(points: Any, crs: Any) -> Gcps | None:
    if not points:
        return None
    found = []
    for each in points:
        place = row, column, x, y, z = tuple(map(float, (each.row, each.col, each.x, each.y, each.z or 0)))
        if all(map(math.isfinite, place)):
            found.append(ControlPoint(row, column, x, y, z, each.id or "", each.info or ""))
    return Gcps(tuple(found), crs_said(crs)) if found else None


def control_points(gcps: Gcps) -> list[Any]:
    """Ground control points as rasterio has them."""
    from rasterio.control import GroundControlPoint

    return [GroundControlPoint(*point) for point in gcps.points]


def _rpcs(dataset: Any) -> Rpcs | None:
    try:
        rpcs = dataset.rpcs
    except (KeyError, ValueError):  # of which some are not there, or are no numbers
        return None
    if rpcs is None:
        return None
    found = {
        name: tuple(map(float, value)) if isinstance(value, list) else None if value is None else float(value)
        for name, value in rpcs.to_dict().items()
    }
    groups = [value for value in found.values() if isinstance(value, tuple)]
    numbers = [value for value in found.values() if isinstance(value, float)]
    whole = all(len(group) == _COEFFICIENTS for group in groups) and all(map(math.isfinite, sum(groups, (*numbers,))))
    return Rpcs(**found) if whole else None  # type: ignore[arg-type]  # each of its type, by name


def rpc_tags(rpcs: Rpcs) -> dict[str, str]:
    """RPCs as GDAL's tags say them; rasterio itself would leave out errors of 0."""
    return {
        name.upper(): " ".join(map(repr, value)) if isinstance(value, tuple) else repr(value)
        for name, value in rpcs._asdict().items()
        if value is not None
    }


def _bands(dataset: Any, places: list[int], usual: list[str], with_names: bool) -> Bands | None:
    def of_bands(values: Any, default: Any) -> Any:
        found = tuple(values[place] if is_said(values[place]) else default for place in places)
        return None if found == (default,) * len(found) else found

    def is_said(value: Any) -> bool:
        return math.isfinite(value) if isinstance(value, float) else value not in (None, "")

    def words(field: str) -> Any:
        try:
            return of_bands(getattr(dataset, field), None) if with_names else None
        except UnicodeDecodeError:  # of no encoding that is told
            return None

    colours = [dataset.colorinterp[place].name for place in places]
    bands = Bands(
        names=words("descriptions"),
        units=words("units"),
        colours=None if colours == usual else tuple(colours),
        scales=of_bands(dataset.scales, 1.0),
        offsets=of_bands(dataset.offsets, 0.0),
    )
    return None if bands == Bands() else bands


def _tags(dataset: Any, bands: list[int]) -> Tags:
    found: Tags = {}
    for place, number in enumerate([0, *bands]):
        for namespace in ["", *dataset.tag_namespaces(number)]:
            if namespace in _MADE_BY_GDAL:
                continue
            try:
                pairs = dict(dataset.tags(number, ns=namespace or None))
            except UnicodeDecodeError:  # of no encoding that is told
                continue
            if not namespace and not number:
                pairs.pop(_AREA_OR_POINT, None)
            pairs.pop("", None)  # no name, which a file cannot say
            if pairs:
                found[place, namespace] = pairs
    return found


def as_written(namespace: str, pairs: dict[str, str]) -> dict[str, str]:
    """Tags as rasterio takes them: it reads the text of an XML namespace whole, and writes it as KEY=VALUE. Those that
    are named like its own arguments have large letters, which are the same to GDAL."""
    if namespace.startswith("xml:"):
        texts = (text.partition("=") for text in pairs.values())
        pairs = {key: value for key, equals, value in texts if equals}
    return {key.upper() if key in ("self", "bidx", "ns") else key: value for key, value in pairs.items()}
