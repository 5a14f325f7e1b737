"""The table of components: every kind with its contract, its entry-point group and its built-ins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crossmodal_hash.errors import UnknownComponentError
from crossmodal_hash.registry import Registry, normalize

if TYPE_CHECKING:
    from crossmodal_hash.callbacks import Callback
    from crossmodal_hash.contracts import Backbone, ClosedForm, Component, Criterion, Fusion, HashLoss, Pooling
    from crossmodal_hash.data.reader import Reader
    from crossmodal_hash.engines.engine import Engine

BACKBONES: Registry[Backbone] = Registry(
    "backbone",
    group="crossmodal_hash.backbones",
    contract="crossmodal_hash.contracts:Backbone",
    builtin={
        "efficientnet-lite0": "crossmodal_hash.backbones.efficientnet_lite0:EfficientNetLite0",
        "resnet18": "crossmodal_hash.backbones.resnet:ResNet18",
        "resnet34": "crossmodal_hash.backbones.resnet:ResNet34",
        "resnet50": "crossmodal_hash.backbones.resnet:ResNet50",
        "bow-mlp": "crossmodal_hash.backbones.bow_mlp:BowMLP",
        "bow-resnet": "crossmodal_hash.backbones.bow_resnet:BowResNet",
        "channels-mlp": "crossmodal_hash.backbones.channels_mlp:ChannelsMLP",
        "label-mlp": "crossmodal_hash.backbones.label_mlp:LabelMLP",
        "light-residual": "crossmodal_hash.backbones.light_residual:LightResidual",
        "minilm": "crossmodal_hash.backbones.minilm:MiniLM",
        "mlp": "crossmodal_hash.backbones.mlp:MLP",
        "raw": "crossmodal_hash.backbones.raw:Raw",
    },
    aliases={"resnet34-text": "bow-resnet", "vector": "mlp"},
)

FUSIONS: Registry[Fusion] = Registry(
    "fusion",
    group="crossmodal_hash.fusions",
    contract="crossmodal_hash.contracts:Fusion",
    builtin={
        "attention-matrix": "crossmodal_hash.fusion.attention_matrix:AttentionMatrix",
        "bbi": "crossmodal_hash.fusion.bbi:BBI",
        "bi": "crossmodal_hash.fusion.bi:BI",
        "cbam": "crossmodal_hash.fusion.cbam:CBAM",
        "concat": "crossmodal_hash.fusion.concat:Concat",
        "last": "crossmodal_hash.fusion.last:Last",
    },
)

CRITERIA: Registry[Criterion] = Registry(
    "criterion",
    group="crossmodal_hash.criteria",
    contract="crossmodal_hash.contracts:Criterion",
    builtin={
        "hard": "crossmodal_hash.criteria.hard:Hard",
        "mmd": "crossmodal_hash.criteria.mmd:MMD",
        "mmd-multi": "crossmodal_hash.criteria.mmd_multi:MMDMulti",
        "mmd-normalized": "crossmodal_hash.criteria.mmd_normalized:MMDNormalized",
        "mmd-batch": "crossmodal_hash.criteria.mmd_batch:MMDBatch",
        "mmd-inverted": "crossmodal_hash.criteria.mmd_inverted:MMDInverted",
        "fgsc": "crossmodal_hash.criteria.fgsc:FGSC",
        "pairs": "crossmodal_hash.criteria.pairs:Pairs",
        "affinity": "crossmodal_hash.criteria.affinity:Affinity",
    },
    aliases={"cosine": "fgsc"},
)

LOSSES: Registry[HashLoss] = Registry(
    "loss",
    group="crossmodal_hash.losses",
    contract="crossmodal_hash.contracts:HashLoss",
    builtin={
        "info-nce": "crossmodal_hash.losses.info_nce:InfoNCE",
        "pairwise-nll": "crossmodal_hash.losses.pairwise_nll:PairwiseNLL",
        "similarity-mse": "crossmodal_hash.losses.similarity_mse:SimilarityMSE",
        "quantization": "crossmodal_hash.losses.quantization:Quantization",
        "cosine-mse": "crossmodal_hash.losses.cosine_mse:CosineMSE",
        "cosine-hinge": "crossmodal_hash.losses.cosine_hinge:CosineHinge",
        "exp-focal": "crossmodal_hash.losses.exp_focal:ExpFocal",
        "triplet": "crossmodal_hash.losses.triplet:Triplet",
        "graph": "crossmodal_hash.losses.graph:Graph",
        "balance": "crossmodal_hash.losses.balance:Balance",
        "decorrelation": "crossmodal_hash.losses.decorrelation:Decorrelation",
        "bit-hinge": "crossmodal_hash.losses.bit_hinge:BitHinge",
        "exp-quantization": "crossmodal_hash.losses.exp_quantization:ExpQuantization",
        "classify": "crossmodal_hash.losses.classify:Classify",
        "adversary": "crossmodal_hash.losses.adversary:Adversary",
    },
    aliases={
        "nll": "pairwise-nll",
        "infonce": "info-nce",
        "contrastive": "info-nce",
        "mse": "similarity-mse",
        "quantisation": "quantization",
    },
)

CLOSED_FORMS: Registry[ClosedForm] = Registry(
    "closed-form",
    group="crossmodal_hash.closed_forms",
    contract="crossmodal_hash.contracts:ClosedForm",
    builtin={
        "cmssh": "crossmodal_hash.closed_forms.cmssh:CMSSH",
        "scm": "crossmodal_hash.closed_forms.scm:SCM",
        "seph": "crossmodal_hash.closed_forms.seph:SePH",
        "gsph": "crossmodal_hash.closed_forms.gsph:GSPH",
        "sign": "crossmodal_hash.closed_forms.sign:Sign",
        "pca": "crossmodal_hash.closed_forms.pca:PCA",
        "itq": "crossmodal_hash.closed_forms.itq:ITQ",
    },
)

READERS: Registry[Reader] = Registry(
    "reader",
    group="crossmodal_hash.readers",
    contract="crossmodal_hash.data.reader:Reader",
    builtin={
        "native": "crossmodal_hash.data.readers.native:Native",
        "matrices": "crossmodal_hash.data.readers.matrices:Matrices",
        "coco": "crossmodal_hash.data.readers.coco:Coco",
        "dcmht": "crossmodal_hash.data.readers.dcmht:Dcmht",
        "flickr": "crossmodal_hash.data.readers.flickr:Flickr",
        "huggingface": "crossmodal_hash.data.readers.huggingface:HuggingFace",
        "karpathy": "crossmodal_hash.data.readers.karpathy:Karpathy",
        "mirflickr25k": "crossmodal_hash.data.readers.mirflickr25k:MirFlickr25k",
        "nuswide": "crossmodal_hash.data.readers.nuswide:NusWide",
        "parquet": "crossmodal_hash.data.readers.parquet:Parquet",
        "torchcmh": "crossmodal_hash.data.readers.torchcmh:TorchCmh",
        "webdataset": "crossmodal_hash.data.readers.webdataset:WebDataset",
    },
    aliases={
        "metadata": "native",
        "mirflickr": "mirflickr25k",
        "nus-wide": "nuswide",
        "dchmt": "dcmht",
        "hf": "huggingface",
        "flickr8k": "flickr",
        "flickr30k": "flickr",
    },
)

ENGINES: Registry[Engine] = Registry(
    "engine",
    group="crossmodal_hash.engines",
    contract="crossmodal_hash.engines.engine:Engine",
    builtin={
        "scan": "crossmodal_hash.engines.scan:Scan",
        "faiss": "crossmodal_hash.engines.faiss:Faiss",
        "pgvector": "crossmodal_hash.engines.pgvector:Pgvector",
        "milvus": "crossmodal_hash.engines.milvus:Milvus",
    },
)

# Kinds below are resolved the same way; their groups stay undocumented until someone needs them.
POOLINGS: Registry[Pooling] = Registry(
    "pooling",
    group="crossmodal_hash.poolings",
    contract="crossmodal_hash.contracts:Pooling",
    builtin={"pyramid": "crossmodal_hash.pooling.pyramid:Pyramid"},
)

HEADS: Registry[Component] = Registry(
    "head",
    group="crossmodal_hash.heads",
    contract="crossmodal_hash.contracts:Component",
    builtin={
        "tanh": "crossmodal_hash.heads.tanh:Tanh",
        "identity": "crossmodal_hash.heads.identity:Identity",
        "straight-through": "crossmodal_hash.heads.straight_through:StraightThrough",
    },
)

# None comes with the package: what a training tells is shown by the command line, and trackers are somebody else's.
CALLBACKS: Registry[Callback] = Registry(
    "callback", group="crossmodal_hash.callbacks", contract="crossmodal_hash.callbacks:Callback", builtin={}
)

KINDS: dict[str, Registry[Any]] = {
    r.kind: r
    for r in (BACKBONES, FUSIONS, CRITERIA, LOSSES, CLOSED_FORMS, READERS, ENGINES, POOLINGS, HEADS, CALLBACKS)
}
KIND_ALIASES = {
    "sim": "criterion",
    "similarity": "criterion",
    "criteria": "criterion",
    "losses": "loss",
    "backbones": "backbone",
    "fusions": "fusion",
    "closed-forms": "closed-form",
    "shallow": "closed-form",
    "readers": "reader",
    "engines": "engine",
    "recipes": "recipe",
    "poolings": "pooling",
    "heads": "head",
    "callbacks": "callback",
}


def register(kind: str, name: str, component: type[Any]) -> None:
    """Make a class of this program available by name, like a plug-in: in a notebook, before it is a package.

    The name is known while the program runs. A run stores only the name, so the parts of a model (backbone, fusion)
    must be registered again before the run is opened elsewhere; a criterion or loss is needed only in training.

    Args:
        kind: as in `chash list KIND`.
        name: its registry name; registering the same name again replaces the class.
        component: a subclass of the kind's contract in `crossmodal_hash.contracts`.

    Raises:
        UnknownComponentError: for a kind that does not exist.
        SettingsError: if the name is taken, or the class does not subclass the contract.

    Example:
        >>> from crossmodal_hash.contracts import Criterion
        >>> class Shared(Criterion):
        ...     def compute(self, a, b):
        ...         return (a @ b.T).clamp(max=1)
        >>> register("criterion", "shared", Shared)
        >>> CRITERIA.find("shared").origin
        'this program'
        >>> CRITERIA.added.clear()
    """
    registry_of(kind).add(name, component)


def registry_of(kind: str) -> Registry[Any]:
    """The registry of `kind`, which may be given in the plural or by its flag (`sim`).

    Raises:
        UnknownComponentError: for a kind that does not exist.
    """
    name = normalize(kind)
    name = KIND_ALIASES.get(name, name)
    if name not in KINDS:
        raise UnknownComponentError("kind", kind, [*KINDS, "recipe"], see="chash list")
    return KINDS[name]
