"""Build the embedded data set: Open Clip Art 0.18 drawings with texts and labels, as one zip.

The source is two Debian packages that hold the same drawings, once as SVG (which carries title, description, keywords
and licence as RDF) and once as PNG (which carries the pixels, so that nothing has to render SVG here):

    apt-get install openclipart-svg openclipart-png
    python tools/build_openclipart.py --out crossmodal_hash/data/embedded/openclipart.zip

or, without installing them:

    apt-get download openclipart-svg openclipart-png
    for deb in openclipart-*.deb; do dpkg-deb -x "$deb" unpacked; done
    python tools/build_openclipart.py --svg-dir unpacked/usr/share/openclipart/svg \
        --png-dir unpacked/usr/share/openclipart/png --out crossmodal_hash/data/embedded/openclipart.zip

Nothing is random: the same packages and the same Pillow give the same bytes. docs/data-card-openclipart.md describes
the result.
"""

from __future__ import annotations

import argparse
import hashlib
import html
import io
import json
import re
import warnings
import xml.etree.ElementTree as ET
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image, ImageChops

# ---------------------------------------------------------------------------------------------------------------------
# The label table. A drawing has a label when it lies in one of the folders ("x" is that folder alone, "x/**" the folder
# and all below it) or carries one of the keywords, unless it lies in an excluded folder. The Debian packages file one
# drawing in several folders by symbolic links, and all of them count.
# ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rule:
    """Where a label comes from: folders, keywords, and folders that veto it."""

    folders: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()


_REGIONS = tuple(f"signs_and_symbols/flags/{x}/**" for x in ("africa", "america", "asia", "europe", "oceania"))

LABELS: dict[str, Rule] = {
    "animal": Rule(("animals/**",), ("animal", "mammal", "bird", "insect", "fish", "dinosaur", "reptile")),
    "bird": Rule(("animals/birds/**",), ("bird", "penguin")),
    "mammal": Rule(("animals/mammals/**",), ("mammal",)),
    "insect": Rule(("animals/bugs",), ("insect",)),
    "plant": Rule(("plants/**",), ("plant", "tree", "flower", "leaf")),
    "food": Rule(("food/**",), ("food", "fruit", "vegetable", "dessert", "meat", "beverage")),
    "fruit": Rule(("food/fruit",), ("fruit",)),
    "dessert": Rule(("food/desserts",), ("dessert",)),
    "drink": Rule(("food/beverages/**",), ("beverage", "drink", "alcohol")),
    "people": Rule(("people", "people/stickmen", "people/bodypart"), ("people", "stickmen", "woman", "man")),
    "face": Rule(("people/smilies",), ("face", "smiley")),
    "clothing": Rule(("people/clothing/**",), ("clothing", "hat", "jewelry")),
    "transport": Rule(
        ("transportation", "transportation/boating", "transportation/roadsigns", "transportation/vehicles/**"),
        ("transport", "transportation", "vehicle", "boat"),
    ),
    "building": Rule(("buildings/**",), ("building", "house", "home"), unless=("buildings/furniture",)),
    "computer": Rule(("computer/**",), ("computer", "hardware"), unless=("computer/buttons",)),
    "electronics": Rule(("electronics/**", "office/telephone"), ("electronic", "electronics", "telephone")),
    "office": Rule(("office/**",), ("office",)),
    "education": Rule(("education/**",), ("education", "book")),
    "recreation": Rule(
        ("recreation/**",), ("recreation", "music", "sports", "game", "toy", "holiday", "festive", "party")
    ),
    "music": Rule(("recreation/music/**",), ("music",)),
    "sport": Rule(("recreation/sports",), ("sports", "sport")),
    "game": Rule(("recreation/games/**", "recreation/toys", "computer/games"), ("game", "toy")),
    "holiday": Rule(("recreation/holiday/**", "recreation/party"), ("holiday", "festive", "party")),
    "flag": Rule(("signs_and_symbols/flags/**",), ("flag",), unless=("geography/**",)),
    "geography": Rule(("geography", *_REGIONS), ("map", "geography")),
    "sign": Rule(
        (
            "signs_and_symbols",
            "signs_and_symbols/hazard",
            "signs_and_symbols/map_symbols",
            "transportation/roadsigns",
            "transportation/aiga-symbols",
        ),
        ("roadsign", "mapsym"),
    ),
    "sky": Rule(
        ("signs_and_symbols/weather", "geography/astronomy", "science/astronomy"),
        ("weather", "weathersym", "astronomy"),
    ),
    "tool": Rule(("tools/**",), ("tool", "weapon")),
    "shape": Rule(("shapes/**", "computer/buttons", "signs_and_symbols/led"), ("shape", "geometry")),
    "arrow": Rule(("shapes/arrows",), ("arrow",)),
}

GENERATED_FOLDERS = ("shapes/stars", "special/gradients", "special/patterns")
ICON_FOLDERS = ("computer/icons/**",)

# ---------------------------------------------------------------------------------------------------------------------
# What is noise in the library's texts
# ---------------------------------------------------------------------------------------------------------------------

# Left by the library's own scripts, not by a person describing the drawing.
NOISE_KEYWORDS = {
    *("hash", "unsorted", "magick", "theme", "duplicates", "special", "stock", "united nations member"),
    *("openclipart", "clipart", "inkscape", "svg", "icon", "icons", "lemon theme icon"),
}
# Titles of a whole upload; the file name says more about the single drawing.
COLLECTION_TITLE = re.compile(
    r"(aiga_symbol_signs|various cliparts|(svg )?road signs|etiquette icons|r16 sibmission|australian maps|moons"
    r"|r15 general|blueberry - iconset|advertising|map symbols|homes clipart|simple arrows|sallite|lemon svg theme"
    r"|pc connectors|chess pieces|balloons-aj|boating rules illustration)",
    re.IGNORECASE,
)
CREDITED_TITLE = re.compile(r"^clip ?art by [^-]+ - ", re.IGNORECASE)
BOILERPLATE = re.compile(
    r"public domain|creative ?commons|converted from|made with|created? (with|in|using|by)|^contact|shape package"
    r"|autotrace|^data from|hash\(",
    re.IGNORECASE,
)
CONTACT = re.compile(r"\(?\b(e-?mail: ?)?[\w.+-]+@[\w.-]+\w\)?|\(?(https?://|www\.)\S+", re.IGNORECASE)
EROTIC = re.compile(r"\b(sexy?|erotik)\b", re.IGNORECASE)
# Ends of file names that name the author, not the drawing.
HANDLES = ("ganson", "zazou", "mimooh", "aj", "md", "bwh", "peterm", "lumen", "rollandin", "jean", "r")
SHARED_DESCRIPTION = 20  # a description on this many drawings says nothing about one of them
LONGEST_DESCRIPTION = 240  # characters; a few descriptions are encyclopaedia articles

SMALLEST_SIDE = 8  # pixels of the part that is drawn, in the package's PNG

CARD_FILE = re.compile(r"(?:bordered|ornamental|simple|white)_([cdhs])_(\w+)")
JOKER_FILE = re.compile(r"(?:bordered|ornamental|simple|white)_jk_[br]")
CARD_SUITS = {"c": "clubs", "d": "diamonds", "h": "hearts", "s": "spades"}
CARD_RANKS = {"a": "ace", "j": "jack", "q": "queen", "k": "king"}

README = """\
Open Clip Art, embedded subset of crossmodal_hash
=================================================

Drawings of the Open Clip Art Library, release 0.18, as packaged by Debian (openclipart-svg, openclipart-png), each with
a text and labels. Every drawing kept carries the library's public-domain tag in its metadata.

  images/         the drawings on white, as WebP, longest side {side} pixels
  metadata.jsonl  one row a drawing: file_name, text, labels
  labels.txt      the class order, one label a line
  LICENSE         the dedication to the public domain

Labels were derived from the library's folders and keywords; texts are title, description and the keywords no label was
derived from. Made by tools/build_openclipart.py of crossmodal_hash.
"""

LICENSE = """\
The drawings in this archive were dedicated to the public domain by their authors when they submitted them to the Open
Clip Art Library. Each carries the tag <http://web.resource.org/cc/PublicDomain> (or its later address at
creativecommons.org) in the metadata of its SVG file; drawings under another licence or without a tag were left out.

The dedication, as the library and the Debian packages state it: the person or persons who have associated work with
the document either certify that, to the best of their knowledge, the work is in the public domain of the country from
which it is published, or dedicate whatever copyright they hold in it to the public domain, for the benefit of the
public at large and to the detriment of their heirs and successors, in relinquishment in perpetuity of all present and
future rights under copyright law. The work may be freely reproduced, distributed, transmitted, used, modified, built
upon or otherwise exploited by anyone for any purpose, commercial or non-commercial.

The selection, labels and text cleaning are dedicated to the public domain in the same way (CC0 1.0).
"""


@dataclass(frozen=True)
class Drawing:
    """One drawing's metadata; `folders` holds every folder it is filed in, its own first."""

    path: str
    folders: tuple[str, ...]
    title: str
    description: str
    keywords: tuple[str, ...]
    licence: str
    creator: str
    is_complete: bool = True  # False when it shows a picture file that did not come along


@dataclass(frozen=True)
class Item:
    """A row of the result."""

    file_name: str
    text: str
    labels: tuple[str, ...]
    webp: bytes


# --- Reading ---------------------------------------------------------------------------------------------------------


def parse_drawing(svg: bytes, path: str, folders: tuple[str, ...]) -> Drawing | None:
    """The metadata of one SVG, or None when it is not well-formed or has none.

    xml.etree fetches nothing from outside. An entity defined by other entities could still grow without bound when it
    is expanded, so a file that has one is refused unread; the drawings that define entities use plain ones.
    """
    if re.search(rb"<!ENTITY[^>]*&", svg):
        return None
    try:
        root = ET.fromstring(svg)
    except ET.ParseError:
        return None
    work = next((e for e in root.iter() if _local(e) == "Work"), None)
    if work is None:
        return None
    fields = {_local(child): child for child in work}
    licence = fields.get("license")
    return Drawing(
        path=path,
        folders=folders,
        title=_all_text(fields.get("title")),
        description=_all_text(fields.get("description")),
        keywords=_bag(fields.get("subject")),
        licence=next(iter(licence.attrib.values()), "") if licence is not None else "",
        creator=_all_text(fields.get("creator")),
        is_complete=all(_is_embedded(e) for e in root.iter() if _local(e) == "image"),
    )


def _is_embedded(image: ET.Element) -> bool:
    return all(value.startswith("data:") for key, value in image.attrib.items() if key.endswith("href"))


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _all_text(element: ET.Element | None) -> str:
    return "" if element is None else " ".join(html.unescape("".join(element.itertext())).split())


def _bag(element: ET.Element | None) -> tuple[str, ...]:
    if element is None:
        return ()
    words = (_all_text(e).replace("_", " ").casefold() for e in element.iter() if _local(e) == "li")
    return tuple(sorted({w for w in words if w}))


def folders_by_path(svg_dir: Path) -> dict[str, tuple[str, ...]]:
    """Each real file's path with the folders it is filed in: its own first, then those that link to it."""
    base = svg_dir.resolve()
    found: dict[str, list[str]] = {}
    for file in sorted(svg_dir.rglob("*.svg"), key=lambda f: (f.is_symlink(), f.as_posix())):
        target = file.resolve()
        if target.is_file() and target.is_relative_to(base):
            folder = file.parent.relative_to(svg_dir).as_posix()
            folders = found.setdefault(target.relative_to(base).as_posix(), [])
            if folder not in folders:
                folders.append(folder)
    return {path: tuple(folders) for path, folders in sorted(found.items())}


# --- Labels ----------------------------------------------------------------------------------------------------------


def derive_labels(folders: Iterable[str], keywords: Iterable[str]) -> tuple[str, ...]:
    """The labels of a drawing in the order of the table.

    Example:
        >>> derive_labels(["animals/birds"], ["hash"])
        ('animal', 'bird')
        >>> derive_labels(["computer/buttons"], ["computer"])
        ('shape',)
    """
    places, words = tuple(folders), set(keywords)
    return tuple(
        label
        for label, rule in LABELS.items()
        if (_lies_in(places, rule.folders) or not words.isdisjoint(rule.keywords)) and not _lies_in(places, rule.unless)
    )


def _lies_in(folders: Iterable[str], patterns: tuple[str, ...]) -> bool:
    return any(
        folder == pattern.removesuffix("/**") or (pattern.endswith("/**") and folder.startswith(pattern[:-2]))
        for folder in folders
        for pattern in patterns
    )


def leaking_words() -> frozenset[str]:
    """Every word a label was derived from, singular: labels, the folders and the keywords of the table."""
    rules = LABELS.values()
    sources = [*LABELS, *(f for r in rules for f in r.folders), *(k for r in rules for k in r.keywords)]
    return frozenset(_singular(w) for s in sources for w in re.findall(r"[a-z]+", s))


def _singular(word: str) -> str:
    return word.removesuffix("s") if len(word) > 3 else word


# --- Text ------------------------------------------------------------------------------------------------------------


def compose_text(drawing: Drawing, leaks: frozenset[str], shared_descriptions: Iterable[str] = ()) -> str:
    """Title, description and the keywords that give no label away, or "" when nothing a person wrote is left."""
    title = clean_title(drawing)
    description = clean_description(drawing.description)
    if drawing.description in shared_descriptions or _letters(description) in _letters(title):
        description = ""
    elif _letters(title) in _letters(description):
        title = ""
    seen = f"{title} {description} {drawing.creator}".casefold()
    keywords = [k for k in honest_keywords(drawing.keywords, leaks) if k not in seen]
    text = ". ".join(p.rstrip(". ") for p in (title, description, ", ".join(keywords)) if p)
    return re.sub(r"(?<=[!?:])\.", "", text) if len(_letters(text)) > 1 else ""


def clean_title(drawing: Drawing) -> str:
    """The title as a person would say it; the file name where the title is missing or that of a whole upload."""
    stem = Path(drawing.path).stem
    if drawing.title == "card":
        return _card_title(stem)
    title = re.sub(r"\.svg$", "", CONTACT.sub("", CREDITED_TITLE.sub("", drawing.title))).strip()
    is_own = not COLLECTION_TITLE.fullmatch(title) and not drawing.title.startswith("Clipart by Nicu Buculei")
    if is_own and _letters(title) not in ("", _letters(drawing.creator)):
        return _spoken(title) if " " in title else _unnumbered(_spoken(title))
    title = CREDITED_TITLE.sub("", _unnumbered(_spoken(_without_author(stem, drawing.creator))))
    return title if len(_letters(title)) > 1 else ""


def _card_title(stem: str) -> str:
    """The playing cards are all called "card"; which one it is, is in the file name: `white_h_q`."""
    card = CARD_FILE.fullmatch(stem)
    if card:
        return f"playing card, {CARD_RANKS.get(card[2], card[2])} of {CARD_SUITS[card[1]]}"
    return "playing card, joker" if JOKER_FILE.fullmatch(stem) else f"playing card, {_unnumbered(_spoken(stem))}"


def clean_description(description: str) -> str:
    """The description without mark-up, addresses and notices about licence or tools, cut after a sentence."""
    text = " ".join(CONTACT.sub(" ", re.sub(r"<[^>]*>", " ", description)).replace("_", " ").split())
    sentences = re.split(r"(?<=[.!?]) +", text)
    kept = ""
    for sentence in (s for s in sentences if not BOILERPLATE.search(s)):
        if kept and len(kept) + len(sentence) > LONGEST_DESCRIPTION:
            break
        kept = f"{kept} {sentence}".strip()
    return kept[:LONGEST_DESCRIPTION].strip() if len(_letters(kept)) > 2 else ""


def honest_keywords(keywords: Iterable[str], leaks: frozenset[str]) -> list[str]:
    """The keywords none of whose words gave a label (or has one grown on, as `usholiday`), nor bookkeeping or contacts.

    Example:
        >>> honest_keywords(["animals", "brown bear", "hash"], frozenset({"animal"}))
        ['brown bear']
    """
    return [
        k
        for k in keywords
        if k not in NOISE_KEYWORDS
        and len(_letters(k)) > 1
        and not k.startswith(("hash(", "0x"))
        and not CONTACT.search(k)
        and not any(_gives_away(w, leaks) for w in re.findall(r"[a-z]+", k))
    ]


def _gives_away(word: str, leaks: frozenset[str]) -> bool:
    word = _singular(word)
    return word in leaks or any(word.startswith(label) or word.endswith(label) for label in LABELS)


def _spoken(name: str) -> str:
    """A file name or title in words: `heart-ballons_01` is "heart ballons 01", `FlowerAndPot` is "Flower And Pot"."""
    name = re.sub(r"[_#]|openclipart", " ", name)
    name = "".join(c for c in name if c.isprintable() and not "\x80" <= c < "\xa0")
    if " " not in name.strip(" "):
        name = name.replace("-", " ")
    name = re.sub(r"(?<=[a-zà-ÿ])(?=[A-Z][a-z])", " ", name)
    name = re.sub(r"(?<=[a-z]{3})(?=\d)", " ", name)
    return " ".join(name.split()).strip(" -.,#'")


def _unnumbered(name: str) -> str:
    return re.sub(r"^\d+ |( (v?\d[\d.]*|[a-z]))+$", "", name)


def _without_author(stem: str, creator: str) -> str:
    """The file name up to the author, whose name ends it in most files, often cut short."""
    stem = re.sub(r"_\d_symbol_\d+c?m_bwh$", "", re.sub(r"[-_]v[\d.]+$", "", stem).strip("_"))
    stem = re.sub(r"^(aiga|bb)_", "", re.sub(r"_+(\d+r?)?$", "", stem))
    slug = re.sub(r"\W+", "_", creator.casefold()).strip("_")
    for cut in (m.start() for m in re.finditer(r"[_-]", stem)):
        rest = re.sub(r"\W+", "_", stem[cut + 1 :].casefold()).strip("_")
        if rest in HANDLES or (len(rest) > 1 and slug.startswith(rest)):
            return stem[:cut]
    return stem


def _letters(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalpha())


# --- Pictures --------------------------------------------------------------------------------------------------------


def thumbnail(png: Path, side: int) -> Image.Image | None:
    """The drawing on white, cropped to what is drawn, longest side `side` at most; None when next to nothing is."""
    with Image.open(png) as source:
        drawing = source.convert("RGBA")
    white = Image.new("RGBA", drawing.size, "white")
    flat = Image.alpha_composite(white, drawing).convert("RGB")
    box = ImageChops.difference(flat, white.convert("RGB")).convert("L").point(lambda v: 255 if v > 8 else 0).getbbox()
    if box is None or min(box[2] - box[0], box[3] - box[1]) < SMALLEST_SIDE:
        return None
    flat = flat.crop(box)
    flat.thumbnail((side, side), Image.Resampling.LANCZOS)
    return flat


def encode_webp(picture: Image.Image, quality: int) -> bytes:
    """WebP bytes, at the slowest and smallest setting."""
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=quality, method=6)
    return buffer.getvalue()


# --- The whole -------------------------------------------------------------------------------------------------------


def read_drawings(svg_dir: Path, dropped: Counter[str]) -> Iterator[Drawing]:
    """Every drawing that may be used, in path order; the others are counted by reason."""
    for path, folders in folders_by_path(svg_dir).items():
        drawing = parse_drawing((svg_dir / path).read_bytes(), path, folders)
        if drawing is None:
            dropped["unreadable metadata"] += 1
        elif not drawing.licence:
            dropped["no licence tag"] += 1
        elif not re.search("public ?domain", drawing.licence, re.IGNORECASE):
            dropped["not public domain"] += 1
        elif _lies_in(folders[:1], GENERATED_FOLDERS):
            dropped["generated stars, gradients, patterns"] += 1
        elif _lies_in(folders[:1], ICON_FOLDERS):
            dropped["computer icon themes"] += 1
        elif not drawing.is_complete:
            dropped["shows a linked picture that is missing"] += 1
        elif EROTIC.search(" ".join((drawing.title, *drawing.keywords))):
            dropped["erotic"] += 1
        else:
            yield drawing


def merge_duplicates(
    drawings: Iterable[Drawing], png_dir: Path, side: int, dropped: Counter[str]
) -> list[tuple[Drawing, Image.Image]]:
    """One entry a picture: drawings with the same pixels become the first of them, in the folders of all."""
    merged: dict[bytes, tuple[Drawing, Image.Image]] = {}
    for drawing in drawings:
        try:
            picture = thumbnail((png_dir / drawing.path).with_suffix(".png"), side)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):  # rendered as huge posters
            dropped["picture too large to read"] += 1
            continue
        if picture is None:
            dropped["nothing drawn, or tiny"] += 1
            continue
        key = hashlib.sha256(repr(picture.size).encode() + picture.tobytes()).digest()
        if key not in merged:
            merged[key] = drawing, picture
            continue
        dropped["duplicate picture"] += 1
        first = merged[key][0]
        folders = tuple(dict.fromkeys(first.folders + drawing.folders))
        keywords = tuple(sorted({*first.keywords, *drawing.keywords}))
        merged[key] = replace(first, folders=folders, keywords=keywords), picture
    return list(merged.values())


def build_items(svg_dir: Path, png_dir: Path, side: int, quality: int, dropped: Counter[str]) -> list[Item]:
    """All rows of the data set, sorted by file name."""
    drawings = list(read_drawings(svg_dir, dropped))
    counts = Counter(d.description for d in drawings)
    shared = {text for text, n in counts.items() if n >= SHARED_DESCRIPTION}
    leaks = leaking_words()
    items: dict[str, Item] = {}
    for drawing, picture in merge_duplicates(drawings, png_dir, side, dropped):
        labels = derive_labels(drawing.folders, drawing.keywords)
        text = compose_text(drawing, leaks, shared)
        if not labels:
            dropped["no label"] += 1
        elif not text:
            dropped["no text"] += 1
        else:
            file_name = _free_name(drawing.path, items)
            items[file_name] = Item(file_name, text, labels, encode_webp(picture, quality))
    return [items[name] for name in sorted(items)]


def _free_name(path: str, taken: Iterable[str]) -> str:
    stem = re.sub(r"[^a-z0-9]+", "-", Path(path).stem.casefold()).strip("-")
    names = (f"images/{stem}{suffix}.webp" for suffix in ["", *(f"-{n}" for n in range(2, 1000))])
    return next(name for name in names if name not in taken)


def write_zip(items: list[Item], out: Path, side: int) -> None:
    """Write the archive: stored, sorted, with one fixed time, and in place only when complete."""
    rows = [
        json.dumps({"file_name": i.file_name, "text": i.text, "labels": i.labels}, ensure_ascii=False) for i in items
    ]
    members = {
        "LICENSE": LICENSE.encode(),
        "README": README.format(side=side).encode(),
        "labels.txt": "".join(f"{label}\n" for label in LABELS).encode(),
        "metadata.jsonl": "".join(f"{row}\n" for row in rows).encode(),
        **{i.file_name: i.webp for i in items},
    }
    unfinished = out.with_name(out.name + ".part")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.external_attr = 0o644 << 16
            info.create_system = 3  # Unix, wherever it runs
            archive.writestr(info, members[name])
    unfinished.replace(out)


def share_of_related_pairs(items: list[Item]) -> float:
    """The share of the pairs of two different items that have a label in common: what a random ranking scores."""
    bits = Counter(frozenset(i.labels) for i in items)
    related = sum(m * (n - (a is b)) for a, m in bits.items() for b, n in bits.items() if a & b)
    return related / (len(items) * (len(items) - 1))


def print_summary(items: list[Item], dropped: Counter[str], out: Path) -> None:
    """What was kept, what was dropped and why, and how the labels spread."""
    counts = Counter(label for i in items for label in i.labels)
    lengths = sorted(len(i.text.split()) for i in items)
    print(f"kept {len(items)}, dropped {dropped.total()}")
    for reason, n in dropped.most_common():
        print(f"  {n:6d}  {reason}")
    print("labels")
    for label in LABELS:
        print(f"  {counts[label]:6d}  {label}")
    print(f"labels per item     {counts.total() / len(items):.2f}")
    print(f"share of pairs that share a label  {share_of_related_pairs(items):.3f}")
    middle, mean = lengths[len(lengths) // 2], sum(lengths) / len(items)
    print(f"words per text      median {middle}, mean {mean:.1f}, at most {lengths[-1]}")
    print(f"different texts     {len({i.text for i in items})}")
    print(f"{out}: {out.stat().st_size} bytes")


def main() -> None:
    """Read the two package folders and write the archive."""
    parser = argparse.ArgumentParser(description="Build the embedded Open Clip Art data set.")
    parser.add_argument("--svg-dir", type=Path, default=Path("/usr/share/openclipart/svg"))
    parser.add_argument("--png-dir", type=Path, default=Path("/usr/share/openclipart/png"))
    parser.add_argument("--out", type=Path, required=True, help="the zip to write")
    parser.add_argument("--side", type=int, default=160, help="longest side of a picture in pixels")
    parser.add_argument("--quality", type=int, default=60, help="WebP quality, 0 to 100")
    args = parser.parse_args()
    for folder in (args.svg_dir, args.png_dir):
        if not folder.is_dir():
            parser.error(f"no folder {folder}; install openclipart-svg and openclipart-png or name their folders")
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    dropped: Counter[str] = Counter()
    items = build_items(args.svg_dir, args.png_dir, args.side, args.quality, dropped)
    write_zip(items, args.out, args.side)
    print_summary(items, dropped, args.out)


if __name__ == "__main__":
    main()
