"""Benchmarks on published sets in their official folders (`plantain.data.readers`), by their official rules.

`--data` is the set's own folder, or a folder that holds it under the set's name here ("DATA/nyuv2"). Figures of others
stand in `reference`: they were published, not run here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from plantain.data.base import Example
from plantain.data.readers import read
from plantain.data.readers.saco import GOLD
from plantain.eval.adapters import (
    ConceptsAdapter,
    DetectionAdapter,
    EdgesAdapter,
    MetricDepthAdapter,
    NormalsAdapter,
    PhraseAdapter,
    RelativeDepthAdapter,
    SemanticAdapter,
)
from plantain.eval.metrics.concepts import Concepts
from plantain.eval.metrics.depth import DepthMetric
from plantain.eval.metrics.detection import Detection
from plantain.eval.metrics.edges import EdgeMetric
from plantain.eval.metrics.labels import CITYSCAPES_IDS, CITYSCAPES_NAMES, Segmentation
from plantain.eval.metrics.normals import NormalsMetric
from plantain.eval.metrics.referring import Referring
from plantain.eval.row import Benchmark, Reference
from plantain.vocabularies import ADE20K_150, CAMVID_11, NYU_13

CITYSCAPES_19 = tuple(CITYSCAPES_NAMES[i] for i in CITYSCAPES_IDS)
PAPER = "Vision Banana, arXiv 2604.20329 v3"


def reader(name: str, split: str) -> Callable[[Path], list[Example]]:
    """Reads a split from the set's own folder or from the folder around it."""

    def of(root: Path) -> list[Example]:
        inside = root / name
        return read(name, inside if inside.is_dir() else root, split)

    return of


def vision_banana(value: float) -> tuple[Reference, ...]:
    return (Reference("Vision Banana", value, PAPER),)


def depth(
    name: str, split: str, metric: DepthMetric, protocol: str, reference: tuple[Reference, ...] = (), source: str = ""
) -> tuple[Benchmark, Benchmark]:
    """Metric depth, and depth up to scale and shift, of one set."""
    fitted = DepthMetric(metric.crop, metric.near, metric.far, metric.inclusive, "scale-shift", metric.clip)
    aligned = f"{protocol}; scale and shift by least squares in depth"
    return (
        Benchmark(f"{name}/metric-depth", reader(name, split), MetricDepthAdapter(), metric, "delta1",
                  f"{protocol}; no alignment, no camera given, mean of pictures", reference=reference, source=source),
        Benchmark(f"{name}/relative-depth", reader(name, split), RelativeDepthAdapter(), fitted, "delta1", aligned,
                  source=source),
    )  # fmt: skip


def normals(name: str, part: str, reference: tuple[Reference, ...] = ()) -> Benchmark:
    return Benchmark(f"{name}/normals", reader(f"dsine-{part}", "test"), NormalsAdapter(), NormalsMetric("pixels"),
                     "mean", "DSINE's pack, pooled pixels, degrees", better="lower", reference=reference,
                     source="Bae and Davison 2024, arXiv 2403.00712")  # fmt: skip


def phrases(name: str, split: str, primary: str, reference: tuple[Reference, ...] = ()) -> Benchmark:
    return Benchmark(f"{name}/{split}", reader(name, split), PhraseAdapter(), Referring(), primary,
                     f"split {split}, one mask an expression, every expression asked", reference=reference)  # fmt: skip


def concepts(subset: str) -> Benchmark:
    rules = "masks, scores of at least .5, the best of three annotators"
    return Benchmark(f"saco-gold/{subset}", reader("saco-gold", subset), ConceptsAdapter(), Concepts(), "cgf1", rules,
                     source="arXiv 2511.16719")  # fmt: skip


LIDAR = "LiDAR points up to 80 m"
ROWS: tuple[Benchmark, ...] = (
    Benchmark("cityscapes/classes", reader("cityscapes", "val"), SemanticAdapter(CITYSCAPES_19),
              Segmentation(CITYSCAPES_19), "miou",
              "500 pictures of val at full size, 19 classes at once, random legends, void not counted",
              reference=vision_banana(0.699), source="Cordts et al. 2016, arXiv 1604.01685"),
    Benchmark("ade20k/classes", reader("ade20k", "validation"), SemanticAdapter(ADE20K_150),
              Segmentation(ADE20K_150, "all"), "miou",
              "150 classes at once (in groups that fit a painting), mean over all, CSAILVision's code",
              source="Zhou et al. 2017"),
    Benchmark("camvid/classes", reader("camvid", "test"), SemanticAdapter(CAMVID_11),
              Segmentation(CAMVID_11, "truth"), "miou",
              "11 classes at once, random legends", source="Brostow et al. 2009"),
    *depth("nyuv2", "test", DepthMetric(crop="nyu-eigen", far=10.0, clip=(1e-3, 10.0)),
           "654 pictures, raw depth .001 to 10 m, Eigen crop", vision_banana(0.948), "Silberman et al. 2012"),
    Benchmark("nyuv2/classes-13", reader("nyuv2", "test"), SemanticAdapter(NYU_13, "labels13"),
              Segmentation(NYU_13, "truth"), "miou",
              "13 classes at once, random legends", source="Silberman et al. 2012"),
    *depth("kitti-depth", "test", DepthMetric(crop="kitti-eigen", far=80.0, clip=(1e-3, 80.0)),
           "652 pictures of Eigen's split, improved truth, benchmark crop then Eigen crop, " + LIDAR,
           vision_banana(0.915), "Geiger et al. 2013; Uhrig et al. 2017"),
    *depth("eth3d", "train", DepthMetric(clip=None), "454 pictures at full size, no cap", vision_banana(0.935),
           "Schoeps et al. 2017"),
    *depth("diode-indoors", "val", DepthMetric(near=0.6, far=350.0, clip=(0.6, 350.0)),
           "indoor half of val, its own mask", vision_banana(0.917), "Vasiljevic et al. 2019, arXiv 1908.00463"),
    *depth("ibims1", "test", DepthMetric(), "100 pictures, invalid and transparent pixels left out",
           vision_banana(0.934), "Koch et al. 2018"),
    *depth("nuscenes", "val", DepthMetric(far=80.0, clip=(1e-3, 80.0)), "front camera of val, " + LIDAR,
           vision_banana(0.643), "Caesar et al. 2020"),
    *depth("scannet", "test", DepthMetric(far=10.0, clip=(1e-3, 10.0)), "depth .001 to 10 m", source="Dai et al. 2017"),
    *depth("hypersim", "test", DepthMetric(far=65.0, clip=(1e-3, 65.0)), "planar depth up to 65 m",
           source="Roberts et al. 2021"),
    *depth("vkitti2", "val", DepthMetric(far=80.0, clip=(1e-3, 80.0)), "up to 80 m", source="Cabon et al. 2020"),
    normals("nyuv2", "nyuv2", vision_banana(17.8)),
    normals("scannet", "scannet", vision_banana(15.1)),
    normals("ibims1", "ibims"),
    normals("sintel", "sintel"),
    normals("vkitti2", "vkitti", vision_banana(29.1)),
    Benchmark("bsds500/edges", reader("bsds500", "test"), EdgesAdapter(), EdgeMetric(thresholds=99, nms="gradient"),
              "ods",
              "200 pictures, 99 thresholds, non-maximum suppression, one-to-one matching within .0075 of the diagonal",
              source="Arbelaez et al. 2011"),
    Benchmark("coco/person-boxes", reader("coco", "val"), DetectionAdapter("person"), Detection(("person",)), "ap",
              "5,000 pictures of val2017, persons alone, every photo asked, groups ignored",
              source="Lin et al. 2014, arXiv 1405.0312"),
    Benchmark("coco/person-masks", reader("coco", "val"), DetectionAdapter("person", masks=True),
              Detection(("person",), "masks"), "ap",
              "5,000 pictures of val2017, persons alone, every photo asked, groups ignored",
              source="Lin et al. 2014, arXiv 1405.0312"),
    *(phrases("refcoco", split, "ciou") for split in ("val", "testA", "testB")),
    *(phrases("refcoco+", split, "ciou") for split in ("val", "testA", "testB")),
    phrases("refcocog", "val", "ciou", vision_banana(0.738)),
    phrases("refcocog", "test", "ciou"),
    phrases("reasonseg", "val", "giou", (Reference("Vision Banana with Gemini", 0.793, PAPER),)),
    phrases("reasonseg", "test", "giou"),
    *map(concepts, GOLD),
)  # fmt: skip
