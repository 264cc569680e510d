"""Seeded inputs for scorer-parity tests.  NumPy only, our own code.

Every array comes from a counter-based splitmix64 stream, so the inputs are the same on every NumPy version and
platform (NumPy does not promise this for its own distributions).  Gaussian-like noise is an Irwin-Hall sum, so no
libm call decides a value.  ``digest(case)`` gives a SHA-256 over all arrays of a case; each golden JSON stores the
digest of the inputs its numbers were made from: a parity test first checks the digest, then scores.

Use:  from make_inputs import CASES, digest;  case = CASES["depth"]()
      python make_inputs.py            # prints every case with its digest
"""

from __future__ import annotations

import hashlib
import json

import numpy as np

_M = np.uint64(0xFFFFFFFFFFFFFFFF)


# ------------------------------------------------------------------ random stream
class Stream:
    """Counter-based uniform stream (splitmix64); draws are taken in order."""

    def __init__(self, seed: int):
        self.seed = np.uint64((int(seed) * 0x9E3779B97F4A7C15 + 0x1234567) & 0xFFFFFFFFFFFFFFFF)
        self.pos = 0

    def u64(self, n: int) -> np.ndarray:
        with np.errstate(over="ignore"):
            i = np.arange(self.pos + 1, self.pos + 1 + n, dtype=np.uint64)
            self.pos += n
            z = self.seed + i * np.uint64(0x9E3779B97F4A7C15)
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            return z ^ (z >> np.uint64(31))

    def uniform(self, lo=0.0, hi=1.0, shape=()) -> np.ndarray:
        n = int(np.prod(shape)) if shape != () else 1
        u = (self.u64(n) >> np.uint64(11)).astype(np.float64) * (2.0**-53)
        u = lo + (hi - lo) * u
        return u.reshape(shape) if shape != () else float(u[0])

    def integers(self, lo: int, hi: int, shape=()):
        """Integers in [lo, hi)."""
        n = int(np.prod(shape)) if shape != () else 1
        v = lo + (self.u64(n) >> np.uint64(11)).astype(np.int64) % (hi - lo)
        return v.reshape(shape) if shape != () else int(v[0])

    def gauss(self, shape) -> np.ndarray:
        """Irwin-Hall(12) - 6: mean 0, variance 1, range (-6, 6)."""
        acc = np.zeros(shape, np.float64)
        for _ in range(12):
            acc = acc + self.uniform(shape=shape)
        return acc - 6.0


# ------------------------------------------------------------------ small shapes
def grid(h, w):
    return np.meshgrid(np.arange(h, dtype=np.float64), np.arange(w, dtype=np.float64), indexing="ij")


def blocks(s: Stream, h, w, cell, values):
    """Blocky label map: one value per cell x cell block."""
    values = np.asarray(values)
    gh, gw = -(-h // cell), -(-w // cell)
    pick = values[s.integers(0, len(values), (gh, gw))]
    return np.kron(pick, np.ones((cell, cell), dtype=values.dtype))[:h, :w]


def ellipse(h, w, cy, cx, ry, rx):
    y, x = grid(h, w)
    return ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 <= 1.0


def smooth(a, times=1):
    """3x3 box mean with edge padding, exact order of sums."""
    for _ in range(times):
        p = np.pad(a, 1, mode="edge")
        acc = np.zeros_like(a, dtype=np.float64)
        for dy in range(3):
            for dx in range(3):
                acc = acc + p[dy : dy + a.shape[0], dx : dx + a.shape[1]]
        a = acc / 9.0
    return a


def rle_counts(mask):
    """Uncompressed COCO run lengths (column-major, first run is zeros)."""
    flat = np.asarray(mask, np.uint8).flatten(order="F")
    change = np.flatnonzero(np.diff(flat)) + 1
    edges = np.concatenate([[0], change, [flat.size]])
    counts = np.diff(edges).tolist()
    return ([0, *counts]) if flat.size and flat[0] == 1 else counts


# ------------------------------------------------------------------ cases
# Cityscapes label table facts (ids 0..33): which ids are ignored in evaluation and which have instances.
CS_IGNORED = [0, 1, 2, 3, 4, 5, 6, 9, 10, 14, 15, 16, 18, 29, 30]
CS_INSTANCE = [24, 25, 26, 27, 28, 29, 30, 31, 32, 33]


def semantic(seed=11, n=4, h=96, w=160):
    """Cityscapes-style labelId maps with void ids on both sides, plus instanceId maps; ids 31 and 28 never in GT,
    28 never predicted either (so its IoU is NaN), 31 is predicted (so its IoU is 0)."""
    s = Stream(seed)
    gts, preds, insts = [], [], []
    gt_vals = [
        0,
        3,
        4,
        5,
        7,
        7,
        7,
        8,
        9,
        11,
        11,
        12,
        13,
        14,
        17,
        18,
        19,
        20,
        21,
        21,
        22,
        23,
        24,
        25,
        26,
        26,
        27,
        29,
        30,
        32,
        33,
    ]
    for _ in range(n):
        gt = blocks(s, h, w, 16, np.array(gt_vals, np.int64))
        noise = blocks(s, h, w, 8, np.array([*gt_vals, 31], np.int64))
        use = blocks(s, h, w, 8, np.array([0, 0, 0, 1], np.int64)).astype(bool)
        fine = s.uniform(shape=(h, w)) < 0.04
        alt = s.integers(7, 28, (h, w))
        pred = np.where(use, noise, gt)
        pred = np.where(fine, np.where(alt == 28, 7, alt), pred)
        inst = gt.copy()
        k = blocks(s, h, w, 16, np.arange(0, 4, dtype=np.int64))
        thing = np.isin(gt, CS_INSTANCE) & (k < 3)  # k == 3: a group, keeps the bare label id
        inst[thing] = gt[thing] * 1000 + k[thing]
        gts.append(gt.astype(np.uint8))
        preds.append(pred.astype(np.uint8))
        insts.append(inst.astype(np.int32))
    return {"gt": np.stack(gts), "pred": np.stack(preds), "inst": np.stack(insts)}


def scene150(seed=12, n=3, h=64, w=96):
    """ADE20K-style: gt 0 = unlabelled (ignored), 1..150 classes; pred 1..150 (never 0)."""
    s = Stream(seed)
    gts, preds = [], []
    for _ in range(n):
        gt = blocks(s, h, w, 16, np.array([0, 1, 2, 3, 4, 5, 6, 9, 13, 40, 77, 150], np.int64))
        alt = blocks(s, h, w, 8, np.array([1, 2, 3, 7, 40, 149, 150], np.int64))
        use = blocks(s, h, w, 8, np.array([0, 0, 1], np.int64)).astype(bool)
        gts.append(gt)
        preds.append(np.where(use | (gt == 0), alt, gt))
    return {"gt": np.stack(gts).astype(np.uint8), "pred": np.stack(preds).astype(np.uint8)}


def detection(seed=21, n_img=14, n_cat=5, h=120, w=160):
    """COCO-style boxes+masks+scores with crowds, empty images, tied scores, and all three area ranges.
    Masks are ellipses inscribed in the box; returns plain lists (JSON-able) and no arrays."""
    s = Stream(seed)
    images, anns, dets = [], [], []
    for i in range(n_img):
        images.append({"id": i + 1, "height": h, "width": w, "file_name": f"{i:03d}.png"})
        if i == 3:
            continue  # no ground truth, but detections below
        for _ in range(s.integers(1, 7)):
            big = s.uniform()
            bw = round(
                float(s.uniform(8, 24) if big < 0.4 else s.uniform(30, 80) if big < 0.8 else s.uniform(98, 140)), 2
            )
            bh = round(
                float(s.uniform(8, 24) if big < 0.4 else s.uniform(30, 80) if big < 0.8 else s.uniform(98, 118)), 2
            )
            x, y = round(float(s.uniform(0, w - bw - 1)), 2), round(float(s.uniform(0, h - bh - 1)), 2)
            m = ellipse(h, w, y + bh / 2, x + bw / 2, bh / 2, bw / 2)
            crowd = int(s.uniform() < 0.12)
            anns.append(
                {
                    "id": len(anns) + 1,
                    "image_id": i + 1,
                    "category_id": s.integers(1, n_cat + 1),
                    "iscrowd": crowd,
                    "bbox": [x, y, bw, bh],
                    "area": float(m.sum()),
                    "segmentation": {"size": [h, w], "counts": rle_counts(m)},
                }
            )
    for a in list(anns):
        if s.uniform() < 0.15:
            continue  # a miss
        for _ in range(1 + int(s.uniform() < 0.3)):  # sometimes a duplicate
            j = s.uniform(-0.18, 0.18, (4,))
            x, y, bw, bh = a["bbox"]
            bx = [round(float(v), 2) for v in (x + j[0] * bw, y + j[1] * bh, bw * (1 + j[2]), bh * (1 + j[3]))]
            cat = a["category_id"] if s.uniform() < 0.9 else s.integers(1, n_cat + 1)
            dets.append((a["image_id"], cat, bx, round(float(s.uniform(0.2, 1.0)), 1)))  # 0.1 steps: many ties
    for _ in range(25):  # false alarms
        bw, bh = float(s.uniform(6, 70)), float(s.uniform(6, 70))
        x, y = float(s.uniform(0, w - bw)), float(s.uniform(0, h - bh))
        dets.append(
            (
                s.integers(1, n_img + 1),
                s.integers(1, n_cat + 1),
                [round(v, 2) for v in (x, y, bw, bh)],
                round(float(s.uniform(0.0, 0.8)), 1),
            )
        )
    out = []
    for img, cat, b, sc in dets:
        m = ellipse(h, w, b[1] + b[3] / 2, b[0] + b[2] / 2, max(b[3] / 2, 1.0), max(b[2] / 2, 1.0))
        out.append(
            {
                "image_id": int(img),
                "category_id": int(cat),
                "bbox": b,
                "score": sc,
                "segmentation": {"size": [h, w], "counts": rle_counts(m)},
            }
        )
    cats = [{"id": c + 1, "name": f"c{c + 1}"} for c in range(n_cat)]
    return {"images": images, "annotations": anns, "categories": cats, "detections": out}


def keypoints(seed=22, n_img=10, h=200, w=200):
    """17-point people, visibility 0/1/2, some without any visible point, predictions with noise and misses."""
    s = Stream(seed)
    images, anns, dets = [], [], []
    for i in range(n_img):
        images.append({"id": i + 1, "height": h, "width": w})
        for _ in range(s.integers(1, 4)):
            bw, bh = round(float(s.uniform(30, 90)), 2), round(float(s.uniform(50, 120)), 2)
            x, y = round(float(s.uniform(0, w - bw)), 2), round(float(s.uniform(0, h - bh)), 2)
            px, py = x + s.uniform(0, bw, (17,)), y + s.uniform(0, bh, (17,))
            v = s.integers(0, 3, (17,))
            if s.uniform() < 0.1:
                v = np.zeros(17, np.int64)
            kp = np.stack([np.where(v > 0, np.round(px, 1), 0), np.where(v > 0, np.round(py, 1), 0), v], 1)
            anns.append(
                {
                    "id": len(anns) + 1,
                    "image_id": i + 1,
                    "category_id": 1,
                    "iscrowd": 0,
                    "bbox": [x, y, bw, bh],
                    "area": round(bw * bh * 0.6, 2),
                    "num_keypoints": int((v > 0).sum()),
                    "keypoints": [float(t) for t in kp.ravel()],
                }
            )
            if s.uniform() < 0.85:
                sd = float(s.uniform(1, 9))
                q = np.stack(
                    [np.round(px + sd * s.gauss((17,)), 1), np.round(py + sd * s.gauss((17,)), 1), np.ones(17)], 1
                )
                dets.append(
                    {
                        "image_id": i + 1,
                        "category_id": 1,
                        "keypoints": [float(t) for t in q.ravel()],
                        "score": round(float(s.uniform(0.1, 1)), 2),
                    }
                )
    return {"images": images, "annotations": anns, "categories": [{"id": 1, "name": "person"}], "detections": dets}


def panoptic(seed=31, n=5, h=80, w=112):
    """Segment-id maps (0 = void) with segments_info; categories 1-4 things, 5-6 stuff; crowd and void regions."""
    s = Stream(seed)
    gt_maps, pr_maps, gt_info, pr_info = [], [], [], []
    for _i in range(n):
        base = blocks(s, h, w, 16, np.array([5, 6, 5, 6, 0], np.int64))  # stuff or void
        gid, gi = np.zeros((h, w), np.int64), []
        for cat in (5, 6):
            if (base == cat).any():
                gid[base == cat] = cat * 1000
                gi.append({"id": cat * 1000, "category_id": cat, "iscrowd": 0})
        objs = []
        for k in range(s.integers(2, 7)):
            m = ellipse(h, w, s.uniform(8, h - 8), s.uniform(8, w - 8), s.uniform(5, 18), s.uniform(5, 22))
            cat, crowd = s.integers(1, 5), int(s.uniform() < 0.2)
            objs.append((m, cat, crowd))
            gid[m] = cat * 1000 + k + 1
            gi.append({"id": cat * 1000 + k + 1, "category_id": cat, "iscrowd": crowd})
        live = set(np.unique(gid).tolist())
        gi = [g for g in gi if g["id"] in live]
        pid, pi = np.zeros((h, w), np.int64), []
        alt = blocks(s, h, w, 8, np.array([0, 0, 0, 0, 1], np.int64)).astype(bool)
        for cat in (5, 6):
            m = (base == cat) ^ (alt & (base > 0))
            pid[m] = cat * 1000
            pi.append({"id": cat * 1000, "category_id": cat})
        for k, (m, cat, _) in enumerate(objs):
            if s.uniform() < 0.15:
                continue
            dy, dx = s.integers(-3, 4), s.integers(-3, 4)
            mm = np.roll(np.roll(m, dy, 0), dx, 1)
            c2 = cat if s.uniform() < 0.85 else s.integers(1, 5)
            pid[mm] = c2 * 1000 + 500 + k
            pi.append({"id": c2 * 1000 + 500 + k, "category_id": c2})
        for k in range(2):  # extra segments, some inside void
            m = ellipse(h, w, s.uniform(5, h - 5), s.uniform(5, w - 5), 5.0, 6.0)
            c2 = s.integers(1, 5)
            pid[m] = c2 * 1000 + 900 + k
            pi.append({"id": c2 * 1000 + 900 + k, "category_id": c2})
        live = set(np.unique(pid).tolist())
        seen, keep = set(), []
        for p in pi:
            if p["id"] in live and p["id"] not in seen:
                seen.add(p["id"])
                keep.append(p)
        gt_maps.append(gid)
        pr_maps.append(pid)
        gt_info.append(gi)
        pr_info.append(keep)
    for infos, maps in ((gt_info, gt_maps),):
        for inf, mp in zip(infos, maps, strict=False):
            for g in inf:
                g["area"] = int((mp == g["id"]).sum())
    return {
        "gt": np.stack(gt_maps).astype(np.int32),
        "pred": np.stack(pr_maps).astype(np.int32),
        "gt_info": gt_info,
        "pred_info": pr_info,
        "categories": [{"id": c, "name": f"c{c}", "isthing": int(c <= 4)} for c in range(1, 7)],
    }


def referring(seed=41, n=12, h=60, w=80):
    """Binary masks for gIoU/cIoU: gt in {0, 1, 255 ignored}; sample 4 has an empty gt and empty prediction,
    sample 5 an empty gt with a false alarm, sample 6 an empty prediction."""
    s = Stream(seed)
    gts, preds = [], []
    for i in range(n):
        m = ellipse(h, w, s.uniform(15, 45), s.uniform(15, 65), s.uniform(4, 20), s.uniform(4, 25))
        p = np.roll(np.roll(m, s.integers(-6, 7), 0), s.integers(-6, 7), 1)
        g = m.astype(np.uint8)
        if i % 3 == 0:
            g[ellipse(h, w, s.uniform(10, 50), s.uniform(10, 70), 6.0, 9.0)] = 255
        if i == 4:
            g[:], p = 0, np.zeros_like(p)
        if i == 5:
            g[:] = 0
        if i == 6:
            p = np.zeros_like(p)
        gts.append(g)
        preds.append(p.astype(np.uint8))
    return {"gt": np.stack(gts), "pred": np.stack(preds)}


def concepts(seed=51, n=24, n_gt=3, h=72, w=96):
    """Promptable-concept pairs (image, noun phrase): instance masks with scores; three annotators who differ a little;
    a third of the pairs are negatives; one pair is not exhaustively annotated and must be skipped."""
    s = Stream(seed)
    gts = [[] for _ in range(n_gt)]
    dets, exhaustive = [], [[True] * n for _ in range(n_gt)]
    exhaustive[1][7] = False
    for i in range(n):
        objs = []
        if i % 3 != 2:
            for _ in range(s.integers(1, 6)):
                objs.append(
                    (
                        float(s.uniform(10, h - 10)),
                        float(s.uniform(10, w - 10)),
                        float(s.uniform(4, 14)),
                        float(s.uniform(4, 16)),
                    )
                )
        for a in range(n_gt):
            for o in objs:
                if a and s.uniform() < 0.12:
                    continue  # this annotator left one out
                d = s.uniform(-1.0, 1.0, (4,)) if a else np.zeros(4)
                m = ellipse(h, w, o[0] + d[0], o[1] + d[1], o[2] + 0.5 * d[2], o[3] + 0.5 * d[3])
                gts[a].append((i, m, 0))
        if i == 9:  # an ignored ground truth in each annotator's file
            m = ellipse(h, w, 20.0, 20.0, 8.0, 8.0)
            for a in range(n_gt):
                gts[a].append((i, m, 1))
        if i % 3 == 2:
            k = 1 if s.uniform() < 0.35 else 0  # a false alarm on a negative
            for _ in range(k):
                dets.append(
                    (i, ellipse(h, w, s.uniform(10, 60), s.uniform(10, 80), 8.0, 9.0), float(s.uniform(0.4, 0.9)))
                )
        else:
            if i == 6:
                continue  # positive pair without any prediction
            for o in objs:
                if s.uniform() < 0.2:
                    continue
                d = s.uniform(-2.0, 2.0, (4,))
                dets.append(
                    (
                        i,
                        ellipse(h, w, o[0] + d[0], o[1] + d[1], max(o[2] + 0.5 * d[2], 2), max(o[3] + 0.5 * d[3], 2)),
                        float(s.uniform(0.3, 1.0)),
                    )
                )
            if s.uniform() < 0.3:
                dets.append(
                    (i, ellipse(h, w, s.uniform(10, 60), s.uniform(10, 80), 5.0, 6.0), float(s.uniform(0.3, 0.9)))
                )

    def pack(m):
        return {"size": [h, w], "counts": rle_counts(m)}

    return {
        "n": n,
        "height": h,
        "width": w,
        "exhaustive": exhaustive,
        "gts": [
            [{"image_id": i, "segmentation": pack(m), "ignore": g, "area": int(m.sum())} for i, m, g in one]
            for one in gts
        ],
        "detections": [{"image_id": i, "segmentation": pack(m), "score": round(sc, 3)} for i, m, sc in dets],
    }


def depth(seed=61, n=4, h=60, w=80):
    """Metric depth, a metric prediction, and an affine-invariant (depth and disparity) prediction; invalid pixels 0."""
    s = Stream(seed)
    gts, met, aff, dis, masks = [], [], [], [], []
    y, x = grid(h, w)
    for i in range(n):
        d = 2.0 + 6.0 * (1.0 - y / h) + float(s.uniform(-1, 1)) * x / w
        for _ in range(4):
            m = ellipse(h, w, s.uniform(5, h - 5), s.uniform(5, w - 5), s.uniform(4, 14), s.uniform(4, 18))
            d = np.where(m, float(s.uniform(0.8, 9.0)), d)
        noise = smooth(s.gauss((h, w)), 2)
        p = d * (1.0 + 0.25 * noise) * float(s.uniform(0.8, 1.25)) + float(s.uniform(-0.2, 0.4))
        p = np.maximum(p, 0.05)
        a = (d * (1.0 + 0.15 * smooth(s.gauss((h, w)), 2)) - 1.3) * 0.21
        q = 3.7 * (1.0 / d) * (1.0 + 0.12 * smooth(s.gauss((h, w)), 2)) + 0.35
        ok = s.uniform(shape=(h, w)) > 0.12
        ok &= ~ellipse(h, w, 10.0 + 8 * i, 30.0, 6.0, 9.0)
        gts.append(np.where(ok, d, 0.0))
        met.append(p)
        aff.append(a)
        dis.append(q)
        masks.append(ok)

    def f(v):
        return np.stack(v).astype(np.float32)

    return {"gt": f(gts), "metric": f(met), "affine": f(aff), "disparity": f(dis), "mask": np.stack(masks)}


def normals(seed=71, n=4, h=48, w=64):
    """Unit normals [n,3,h,w], predictions a tilted copy (not exactly unit), mask with holes (gt = 0 there)."""
    s = Stream(seed)
    gt, pr, mk = [], [], []
    for _ in range(n):
        v = np.stack(
            [smooth(s.gauss((h, w)), 3), smooth(s.gauss((h, w)), 3), -1.0 - 0.3 * np.abs(smooth(s.gauss((h, w)), 3))]
        )
        v = v / np.sqrt((v * v).sum(0, keepdims=True))
        p = v + float(s.uniform(0.05, 0.5)) * np.stack([smooth(s.gauss((h, w)), 1) for _ in range(3)])
        p = p * s.uniform(0.7, 1.4, (1, h, w))
        ok = s.uniform(shape=(h, w)) > 0.15
        gt.append(np.where(ok, v, 0.0))
        pr.append(p)
        mk.append(ok)
    return {"gt": np.stack(gt).astype(np.float32), "pred": np.stack(pr).astype(np.float32), "mask": np.stack(mk)}


def edges(seed=81, n=3, h=81, w=121, annotators=3):
    """Soft edge maps (k/255 steps) and 1-pixel annotator boundaries of jittered ellipses and lines."""
    s = Stream(seed)

    def rim(m):
        e = np.zeros_like(m)
        e[:-1] |= m[:-1] != m[1:]
        e[:, :-1] |= m[:, :-1] != m[:, 1:]
        return e

    gts, preds = [], []
    for _ in range(n):
        shapes = [
            (s.uniform(15, h - 15), s.uniform(15, w - 15), s.uniform(8, 25), s.uniform(8, 35), s.uniform(0.3, 1.0))
            for _ in range(4)
        ]
        ann = []
        for _a in range(annotators):
            e = np.zeros((h, w), bool)
            for cy, cx, ry, rx, _c in shapes:
                if s.uniform() < 0.2:
                    continue
                d = s.uniform(-1.2, 1.2, (4,))
                e |= rim(ellipse(h, w, cy + d[0], cx + d[1], ry + d[2], rx + d[3]))
            ann.append(e)
        soft = np.zeros((h, w))
        for cy, cx, ry, rx, c in shapes:
            d = s.uniform(-1.0, 1.0, (2,))
            soft = np.maximum(
                soft, c * smooth(rim(ellipse(h, w, cy + d[0], cx + d[1], ry, rx)).astype(np.float64) * 2.0, 1)
            )
        cy, cx = s.uniform(10, h - 10), s.uniform(10, w - 10)  # a false contour
        soft = np.maximum(soft, 0.6 * rim(ellipse(h, w, cy, cx, 7.0, 9.0)))
        soft = soft + 0.12 * s.uniform(shape=(h, w))
        preds.append(np.clip(np.floor(soft / soft.max() * 255.0 + 0.5), 0, 255).astype(np.uint8))
        gts.append(np.stack(ann))
    return {"gt": np.stack(gts), "pred": np.stack(preds)}


def matting(seed=91, n=3, h=72, w=96):
    """Alpha mattes 0..255, predictions, and a trimap (0, 128 unknown, 255)."""
    s = Stream(seed)
    gts, prs, tri = [], [], []
    for _ in range(n):
        m = ellipse(h, w, s.uniform(25, 47), s.uniform(30, 66), s.uniform(12, 22), s.uniform(14, 28)).astype(np.float64)
        a = smooth(m, 5)
        p = np.clip(smooth(m, 3) + 0.06 * smooth(s.gauss((h, w)), 1) * (a > 0) * (a < 1), 0, 1)
        q = np.where(smooth(m, 7) <= 0.0, 0, np.where(smooth(m, 7) >= 1.0, 255, 128))
        gts.append(np.floor(a * 255 + 0.5))
        prs.append(np.floor(p * 255 + 0.5))
        tri.append(q)

    def f(v):
        return np.stack(v).astype(np.uint8)

    return {"gt": f(gts), "pred": f(prs), "trimap": f(tri)}


def confidence(seed=101, n=4000):
    """Binary probabilities and labels (for ECE), and per-pixel errors with an uncertainty (for sparsification)."""
    s = Stream(seed)
    p = s.uniform(shape=(n,))
    y = (s.uniform(shape=(n,)) < p * p).astype(np.int64)
    gt = s.uniform(1.0, 10.0, (n,))
    unc = s.uniform(0.05, 1.0, (n,))
    pred = np.maximum(gt + unc * s.gauss((n,)), 0.1)
    return {
        "prob": p,
        "label": y,
        "gt": gt.astype(np.float32),
        "pred": pred.astype(np.float32),
        "uncertainty": (unc * (1 + 0.3 * s.gauss((n,)))).astype(np.float32),
    }


CASES = {
    f.__name__: f
    for f in (
        semantic,
        scene150,
        detection,
        keypoints,
        panoptic,
        referring,
        concepts,
        depth,
        normals,
        edges,
        matting,
        confidence,
    )
}


def digest(case) -> str:
    """SHA-256 over a case: arrays by dtype, shape and bytes; everything else by its JSON."""
    hsh = hashlib.sha256()
    for k in sorted(case):
        v = case[k]
        hsh.update(k.encode())
        if isinstance(v, np.ndarray):
            hsh.update(f"{v.dtype.str}{v.shape}".encode())
            hsh.update(np.ascontiguousarray(v).tobytes())
        else:
            hsh.update(json.dumps(v, sort_keys=True).encode())
    return hsh.hexdigest()


if __name__ == "__main__":
    for name, fn in CASES.items():
        print(name, digest(fn()))
