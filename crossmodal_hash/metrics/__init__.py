"""Ranking metrics under their full names, all read from counts per Hamming distance.

Does not need torch, except to count on a GPU.
"""

from crossmodal_hash.metrics.ap import average_precision as average_precision
from crossmodal_hash.metrics.ap import average_precision_of_hits as average_precision_of_hits
from crossmodal_hash.metrics.bootstrap import Interval as Interval
from crossmodal_hash.metrics.bootstrap import mean_interval as mean_interval
from crossmodal_hash.metrics.bootstrap import paired_interval as paired_interval
from crossmodal_hash.metrics.counts import Counts as Counts
from crossmodal_hash.metrics.counts import Engine as Engine
from crossmodal_hash.metrics.counts import count as count
from crossmodal_hash.metrics.curves import Curve as Curve
from crossmodal_hash.metrics.curves import pr_by_radius as pr_by_radius
from crossmodal_hash.metrics.curves import pr_by_rank as pr_by_rank
from crossmodal_hash.metrics.curves import precision_at as precision_at
from crossmodal_hash.metrics.curves import precision_within as precision_within
from crossmodal_hash.metrics.curves import recall_at as recall_at
from crossmodal_hash.metrics.empty import Empty as Empty
from crossmodal_hash.metrics.graded import acg as acg
from crossmodal_hash.metrics.graded import ndcg as ndcg
from crossmodal_hash.metrics.graded import wap as wap
from crossmodal_hash.metrics.names import KNOWN as KNOWN
from crossmodal_hash.metrics.names import Metric as Metric
from crossmodal_hash.metrics.names import describe as describe
from crossmodal_hash.metrics.names import parse as parse
from crossmodal_hash.metrics.paired import first_rank as first_rank
from crossmodal_hash.metrics.paired import hit_at as hit_at
from crossmodal_hash.metrics.protocol import Result as Result
from crossmodal_hash.metrics.protocol import Rules as Rules
from crossmodal_hash.metrics.protocol import evaluate as evaluate
from crossmodal_hash.metrics.qrels import read_qrels as read_qrels
from crossmodal_hash.metrics.real_valued import by_inner_product as by_inner_product
from crossmodal_hash.metrics.relevance import Labels as Labels
from crossmodal_hash.metrics.relevance import Pairs as Pairs
from crossmodal_hash.metrics.relevance import judged as judged
from crossmodal_hash.metrics.relevance import same_id as same_id
from crossmodal_hash.metrics.ties import Ties as Ties
from crossmodal_hash.metrics.ties import in_order as in_order
from crossmodal_hash.metrics.ties import split as split
