"""Readers, splits, vocabulary and the picture loader; importing this is cheap, torch and scipy come with first use."""

from crossmodal_hash.data.dataset import Dataset as Dataset
from crossmodal_hash.data.labels import label_matrix as label_matrix
from crossmodal_hash.data.loader import picture_batches as picture_batches
from crossmodal_hash.data.location import Place as Place
from crossmodal_hash.data.matrix import Matrix as Matrix
from crossmodal_hash.data.pictures import Pictures as Pictures
from crossmodal_hash.data.quality import without_bad as without_bad
from crossmodal_hash.data.reader import Match as Match
from crossmodal_hash.data.reader import Needs as Needs
from crossmodal_hash.data.reader import Reader as Reader
from crossmodal_hash.data.single_modality import load_pictures as load_pictures
from crossmodal_hash.data.single_modality import load_texts as load_texts
from crossmodal_hash.data.source import Source as Source
from crossmodal_hash.data.source import View as View
from crossmodal_hash.data.splits import Split as Split
from crossmodal_hash.data.splits import cut_validation as cut_validation
from crossmodal_hash.data.splits import make_split as make_split
from crossmodal_hash.data.splits import read_split as read_split
from crossmodal_hash.data.splits import split_from_rows as split_from_rows
from crossmodal_hash.data.texts import Texts as Texts
from crossmodal_hash.data.vocabulary import Vocabulary as Vocabulary
from crossmodal_hash.data.vocabulary import fit_vocabulary as fit_vocabulary
from crossmodal_hash.data.vocabulary import read_words as read_words
