"""Readers of published sets in their official folders, and of people's own: nothing is downloaded.

read("ade20k", "~/data/ADEChallengeData2016", "validation")    # Examples, with truths that are read when asked for

A wrong folder is one PhotoError: the first file that is missing, and how the folder should look.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from plantain.data.base import Example
from plantain.data.readers.ade20k import read_ade20k
from plantain.data.readers.bsds500 import read_bsds500
from plantain.data.readers.camvid import read_camvid, read_camvid_segnet
from plantain.data.readers.cityscapes import read_cityscapes
from plantain.data.readers.coco import read_coco, read_coco_captions, read_coco_keypoints
from plantain.data.readers.coco_panoptic import read_coco_panoptic
from plantain.data.readers.diode import read_diode
from plantain.data.readers.dsine import read_dsine
from plantain.data.readers.eth3d import read_eth3d
from plantain.data.readers.folder import read_folder
from plantain.data.readers.generation import read_genai_bench, read_imgedit
from plantain.data.readers.hypersim import read_hypersim
from plantain.data.readers.ibims1 import read_ibims1
from plantain.data.readers.kitti_depth import read_kitti_depth
from plantain.data.readers.lvis import read_lvis
from plantain.data.readers.nuscenes import read_nuscenes
from plantain.data.readers.nyuv2 import read_nyuv2
from plantain.data.readers.reasonseg import read_reasonseg
from plantain.data.readers.refer import read_refcoco, read_refcoco_plus, read_refcocog
from plantain.data.readers.saco import read_saco_gold, read_saco_silver
from plantain.data.readers.scannet import read_scannet
from plantain.data.readers.vkitti2 import read_vkitti2
from plantain.errors import UnknownName

Reader = Callable[[Path, str], list[Example]]
READERS: dict[str, Reader] = {
    "cityscapes": read_cityscapes,
    "camvid": read_camvid,
    "camvid-segnet": read_camvid_segnet,
    "ade20k": read_ade20k,
    "coco": read_coco,
    "coco-keypoints": read_coco_keypoints,
    "coco-panoptic": read_coco_panoptic,
    "coco-captions": read_coco_captions,
    "lvis": read_lvis,
    "refcoco": read_refcoco,
    "refcoco+": read_refcoco_plus,
    "refcocog": read_refcocog,
    "reasonseg": read_reasonseg,
    "saco-gold": read_saco_gold,
    "saco-silver": read_saco_silver,
    "bsds500": read_bsds500,
    "genai-bench": read_genai_bench,
    "imgedit": read_imgedit,
    "folder": read_folder,
    "nyuv2": read_nyuv2,
    "kitti-depth": read_kitti_depth,
    "eth3d": read_eth3d,
    "diode": read_diode,
    "diode-indoors": partial(read_diode, place="indoors"),
    "ibims1": read_ibims1,
    "nuscenes": read_nuscenes,
    "scannet": read_scannet,
    "hypersim": read_hypersim,
    "vkitti2": read_vkitti2,
    **{f"dsine-{part}": partial(read_dsine, part=part) for part in ("nyuv2", "scannet", "ibims", "sintel", "vkitti")},
}


def read(name: str, root: str | Path, split: str) -> list[Example]:
    """The Examples of one split of a published set, in the order of their ids.

    UnknownName for a set or a split that is not known; PhotoError for a folder that is not the set's."""
    if name not in READERS:
        raise UnknownName("set", name, READERS)
    return READERS[name](Path(root).expanduser(), split)
