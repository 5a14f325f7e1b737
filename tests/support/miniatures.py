"""One tiny data set in the layout of every reader; each maker takes an empty folder and returns the path to read."""

import io
import json
import tarfile

import numpy as np
from PIL import Image
from scipy.io import savemat

COLORS = ("red", "green", "blue")
CLASSES = ("sky", "sea", "sun")
SIZE = 24


def picture(row, kind="JPEG", size=(24, 16)):
    """A picture that no other row has: its color, and a bar as long as its number."""
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    pixels[:, :, row % 3] = 200
    pixels[4:8, : row + 1] = 255
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def text(row):
    return f"{COLORS[row % 3]} photo number{row}"


def labels(row):
    """One or two of three classes."""
    return sorted({CLASSES[row % 3]} | ({CLASSES[(row + 1) % 3]} if row % 4 == 0 else set()))


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def pack(path, contents):
    """Write name -> bytes into a tar."""
    with tarfile.open(path, "w") as tar:
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def native(folder):
    rows = [{"file_name": f"images/{i}.jpg", "text": text(i), "labels": labels(i)} for i in range(SIZE)]
    write(folder / "metadata.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    for i in range(SIZE):
        write(folder / "images" / f"{i}.jpg", picture(i))
    return folder


def matrices(folder):
    words = np.eye(SIZE, dtype=np.uint8) + np.eye(SIZE, k=1, dtype=np.uint8)
    marks = np.array([[name in labels(i) for name in sorted(CLASSES)] for i in range(SIZE)], dtype=np.uint8)
    np.savez(folder / "all.npz", XAll=np.random.default_rng(0).random((SIZE, 6), np.float32), YAll=words, LAll=marks)
    write(folder / "labels.txt", "\n".join(sorted(CLASSES)))
    return folder


def coco(folder, part="val2017"):
    """Numbers with gaps and out of order, two captions a picture, a category nobody uses."""
    images = [{"id": 7 * i + 1, "file_name": f"{7 * i + 1:012}.jpg"} for i in reversed(range(SIZE))]
    said = [
        {"id": 2 * i + k, "image_id": 7 * i + 1, "caption": caption}
        for i in range(SIZE)
        for k, caption in enumerate((text(i), "A second caption."))
    ]
    number = {name: 3 * j + 1 for j, name in enumerate((*CLASSES, "toaster"))}
    objects = [{"image_id": 7 * i + 1, "category_id": number[name]} for i in range(SIZE) for name in labels(i) * 2]
    categories = [{"id": value, "name": name} for name, value in number.items()]
    write(folder / "annotations" / f"captions_{part}.json", json.dumps({"images": images, "annotations": said}))
    document = {"images": images, "annotations": objects, "categories": categories}
    write(folder / "annotations" / f"instances_{part}.json", json.dumps(document))
    for i in range(SIZE):
        write(folder / part / f"{7 * i + 1:012}.jpg", picture(i))
    return folder


def webdataset(folder):
    """Two shards; the keys begin again in the second, texts lie in .txt or .json, labels in .cls or .json."""
    for shard in range(2):
        contents = {}
        for k in range(SIZE // 2):
            i = shard * SIZE // 2 + k
            contents[f"{k:04}.jpg"] = picture(i)
            if shard == 0:
                contents[f"{k:04}.txt"] = text(i).encode()
                contents[f"{k:04}.cls"] = "\n".join(labels(i)).encode()
            else:
                contents[f"{k:04}.json"] = json.dumps({"caption": text(i), "labels": labels(i)}).encode()
        pack(folder / f"shard-{shard:06}.tar", contents)
    return folder


def parquet(folder):
    """Names of picture files, as a manifest has them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = range(SIZE)
    columns = {
        "file_name": [f"{i}.jpg" for i in rows],
        "caption": list(map(text, rows)),
        "labels": list(map(labels, rows)),
    }
    pq.write_table(pa.table(columns), folder / "manifest.parquet")
    for i in rows:
        write(folder / f"{i}.jpg", picture(i))
    return folder


def mirflickr25k(folder, label_folder="mirflickr25k_annotations_v080"):
    """Every picture has the tag photo; three of the owners' labels, of which one has a stricter list."""
    for i in range(SIZE):
        write(folder / "mirflickr" / f"im{i + 1}.jpg", picture(i))
        write(folder / "mirflickr" / "meta" / "tags" / f"tags{i + 1}.txt", "\r\n".join(text(i).split()) + "\r\n")
        write(folder / "mirflickr" / "meta" / "exif" / f"exif{i + 1}.txt", "-Make\nNikon\n")
    for name in CLASSES:
        numbers = [i + 1 for i in range(SIZE) if name in labels(i)]
        write(folder / label_folder / f"{name}.txt", "".join(f"{n}\n" for n in numbers))
        if name == "sky":
            write(folder / label_folder / f"{name}_r1.txt", "".join(f"{n}\n" for n in numbers[:4]))
    write(folder / label_folder / "README.txt", "Annotations of 25,000 pictures.")
    write(folder / "mirflickr" / "doc" / "common_tags.txt", "photo 24\n")
    return folder


def nuswide(folder):
    """Names with backslashes, a label nobody has, tags with the picture's number before them."""
    names = [f"folder{i % 2}/{i:04}_{1000 + i}.jpg" for i in range(SIZE)]
    write(folder / "ImageList" / "Imagelist.txt", "".join(name.replace("/", "\\") + "\r\n" for name in names))
    for i, name in enumerate(names):
        write(folder / "Flickr" / name, picture(i))
    for name in (*CLASSES, "zebra"):
        column = "".join(f"{int(name in labels(i))}\n" for i in range(SIZE))
        write(folder / "Groundtruth" / "AllLabels" / f"Labels_{name}.txt", column)
    tags = "".join(f"{1000 + i}      {text(i)} \r\n" for i in range(SIZE))
    write(folder / "NUS_WID_Tags" / "All_Tags.txt", tags)
    write(folder / "NUS_WID_Tags" / "TagList1k.txt", "\n".join((*COLORS, "photo")) + "\n")
    ones = [[int(color == COLORS[i % 3]) for color in COLORS] + [1] for i in range(SIZE)]
    write(folder / "NUS_WID_Tags" / "AllTags1k.txt", "".join("\t".join(map(str, row)) + "\t\n" for row in ones))
    return folder


def torchcmh(folder):
    """As for MIRFlickr-25K: cells with names, words as a matrix."""
    names = np.empty((SIZE, 1), dtype=object)
    names[:, 0] = [f"im{i + 1}.jpg" for i in range(SIZE)]
    words = np.eye(SIZE, dtype=np.uint8) + np.eye(SIZE, k=1, dtype=np.uint8)
    marks = np.array([[name in labels(i) for name in sorted(CLASSES)] for i in range(SIZE)], dtype=np.uint8)
    savemat(folder / "imgList.mat", {"FAll": names})
    savemat(folder / "tagList.mat", {"YAll": words})
    savemat(folder / "labelList.mat", {"LAll": marks})
    for i in range(SIZE):
        write(folder / "mirflickr" / f"im{i + 1}.jpg", picture(i))
    write(folder / "labels.txt", "\n".join(sorted(CLASSES)))
    return folder


def dcmht(folder):
    """Paths of the machine they were made on, one or two captions a picture."""
    captions = np.empty((1, SIZE), dtype=object)
    for i in range(SIZE):
        captions[0, i] = np.array([text(i), "again"][: 1 + i % 2], dtype=object)
    marks = np.array([[name in labels(i) for name in sorted(CLASSES)] for i in range(SIZE)], dtype=np.uint8)
    savemat(folder / "index.mat", {"index": np.array([f"/data/someone/part{i % 2}/{i:03}.jpg" for i in range(SIZE)])})
    savemat(folder / "caption.mat", {"caption": captions})
    savemat(folder / "label.mat", {"category": marks})
    for i in range(SIZE):
        write(folder / "pictures" / f"part{i % 2}" / f"{i:03}.jpg", picture(i))
    write(folder / "labels.txt", "\n".join(sorted(CLASSES)))
    return folder


def huggingface(folder):
    """Two parts, with pictures as bytes and class numbers that have names."""
    import datasets

    features = datasets.Features(
        {
            "image": datasets.Image(),
            "caption": datasets.Value("string"),
            "labels": datasets.Sequence(datasets.ClassLabel(names=list(CLASSES))),
        }
    )
    parts = {}
    for name, rows in (("train", range(16)), ("test", range(16, SIZE))):
        columns = {
            "image": [{"bytes": picture(i), "path": None} for i in rows],
            "caption": [text(i) for i in rows],
            "labels": [[CLASSES.index(name) for name in labels(i)] for i in rows],
        }
        parts[name] = datasets.Dataset.from_dict(columns, features=features)
    datasets.DatasetDict(parts).save_to_disk(str(folder))
    return folder


MAKERS = (native, matrices, coco, webdataset, parquet, mirflickr25k, nuswide, torchcmh, dcmht, huggingface)
MINIATURES = {maker.__name__: maker for maker in MAKERS}
