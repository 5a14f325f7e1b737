"""Binary codes: the sign rule and bit order, Hamming distances, and codes files. Does not need torch."""

from crossmodal_hash.array_files import load_matrix as load_matrix
from crossmodal_hash.codes.bits import binarize as binarize
from crossmodal_hash.codes.bits import pack as pack
from crossmodal_hash.codes.bits import unpack as unpack
from crossmodal_hash.codes.hamming import distances as distances
from crossmodal_hash.codes.matrix import codes_from_matrix as codes_from_matrix
from crossmodal_hash.codes.nearest import nearest as nearest
from crossmodal_hash.codes.record import Codes as Codes
from crossmodal_hash.codes.rescore import rescore as rescore
from crossmodal_hash.codes.store import load as load
from crossmodal_hash.codes.store import save as save
