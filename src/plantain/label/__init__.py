"""Labels for other people's tools (`plantain label`): what a batch answered, as sets in the formats of labeling tools.

areas.py        what the answers say of a photo: areas that are sure enough, and those that are not
formats.py      the table of formats: COCO, YOLO, Pascal VOC, LabelMe, CVAT, FiftyOne, by supervision
cvat.py         CVAT's XML, which supervision does not write
sets.py         a folder in a format: photos and labels, a line a photo, nothing of people's own overwritten
corrections.py  what people corrected, in any of the formats or as masks
sheet.py        the page on which doubtful photos are looked at
"""
