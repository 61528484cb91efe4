"""What a picture says of how it was made, where it was not decoded exactly: a sentence for people, XMP for machines.

XMP is of ISO 16684-1. Its properties, and what other programs make of them:

Iptc4xmpExt:DigitalSourceType      generated pictures only: the IPTC's term for media that generative AI has altered
Iptc4xmpExt:AISystemUsed, …Version  generated pictures only (IPTC Photo Metadata 2025.1)
xmp:CreatorTool, dc:description    the software, and the sentence
apercu:restore, apercu:kind, …     all that `apercu.provenance` says

    Image.fromarray(image).save("a.jpg", xmp=label_of(apercu.provenance(data, restore="gan")).xmp)
"""

from collections.abc import Mapping
from typing import Any, NamedTuple
from xml.etree import ElementTree

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
"""IPTC NewsCodes, digital source type: "edited using generative AI"."""
_NAMESPACES = {
    "x": "adobe:ns:meta/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "apercu": "urn:apercu:provenance/",
}
_BEGIN, _END = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n', '\n<?xpacket end="w"?>'
_MEANING = {
    "generative": "Parts of this picture are generated: a neural network made up detail that its file does not hold",
    "fidelity": "Restored by a neural network that was trained to come closer to the original",
}

Provenance = Mapping[str, Any]
"""What `apercu.provenance` gives."""


class Label(NamedTuple):
    """What a file says of a picture."""

    software: str
    sentence: str
    """ASCII."""
    xmp: bytes
    """A packet, UTF-8."""


def is_generated(how: Provenance | None) -> bool:
    """Whether parts of a picture are made up."""
    return how is not None and how["kind"] == "generative"


def label_of(how: Provenance | None) -> Label | None:
    """What a picture is to say; None of one that was decoded exactly, and where nothing is known."""
    if how is None or how["kind"] == "exact":
        return None
    return Label(str(how["software"]), sentence(how), _packet(how))


def attributes_of(how: Provenance) -> dict[str, str | int | float]:
    """Attributes of an array, as NetCDF can hold them: `comment` by the CF conventions, and `apercu_kind` and so on;
    none of one that was decoded exactly."""
    if (label := label_of(how)) is None:
        return {}
    plain = {f"apercu_{name}": value if isinstance(value, int | float) else str(value) for name, value in how.items()}
    return {"comment": label.sentence, **plain}


def sentence(how: Provenance) -> str:
    """How a picture was restored, for people."""
    said = ", ".join(f"{name} {how[name]}" for name in ("network", "strength", "steps", "seed") if name in how)
    return f"{_MEANING[how['kind']]} ({how['software']}, restore={how['restore']}; {said})."


def _packet(how: Provenance) -> bytes:
    root = ElementTree.Element("x:xmpmeta", {f"xmlns:{prefix}": uri for prefix, uri in _NAMESPACES.items()})
    said = ElementTree.SubElement(ElementTree.SubElement(root, "rdf:RDF"), "rdf:Description", {"rdf:about": ""})
    values = {"xmp:CreatorTool": how["software"]}
    if is_generated(how):
        software, _, version = str(how["software"]).partition(" ")
        values["Iptc4xmpExt:DigitalSourceType"] = SOURCE_TYPE
        values["Iptc4xmpExt:AISystemUsed"] = f"{software}, restore={how['restore']}"
        values["Iptc4xmpExt:AISystemVersionUsed"] = f"{version}, network {how['network']}"
    values |= {f"apercu:{name}": value for name, value in how.items()}
    for name, value in values.items():
        ElementTree.SubElement(said, name).text = str(value)
    languages = ElementTree.SubElement(ElementTree.SubElement(said, "dc:description"), "rdf:Alt")
    ElementTree.SubElement(languages, "rdf:li", {"xml:lang": "x-default"}).text = sentence(how)
    ElementTree.indent(root)
    return (_BEGIN + ElementTree.tostring(root, encoding="unicode") + _END).encode()
