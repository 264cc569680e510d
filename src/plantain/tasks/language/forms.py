"""Every form of question that is read: the table. `patterns.py` says how a pattern is read; docs/asking.md prints this.

THING (BEFORE, OTHER) is what the person names, one thing or a list, and REST belongs to it; ELSE is named but changes
nothing; POINTS are named points; UNIT is a unit of length.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from plantain.tasks.language import readings
from plantain.tasks.language.patterns import Pattern
from plantain.tasks.language.readings import Reading

CLASSES: dict[str, str] = {  # words in capitals that stand for others
    "BE": "is|are|was|were",
    "CAMERA": "[the] (camera|viewer|lens|observer|photographer)|me|us|here|you|where i (am|stand)",
    "FROM_CAMERA": "(from|to|of|away from) CAMERA",
    "PICTURE": "[the|this|that|my|a|an|each|every] [whole|entire|full|given|input|attached] "
    "[street|indoor|outdoor|city|road|traffic|aerial|satellite|drone|thermal|medical|x ray|microscope] "
    "(photo|photos|photograph|picture|image|images|pic|img|scene|view|frame|shot|screenshot)",
    "PLACE": "PICTURE|[the|this|that|my] [whole|entire] (room|place|street|environment|surroundings|space|area|"
    "landscape)",
    "ALL": "everything|every thing|all|it all|[all] [of] [the] (things|objects|pixels|surfaces|points)|"
    "(every|each) [single|visible] (thing|object|pixel|point|surface)",
    "WHOLE": "(ALL|PLACE) [(in|of|on|from) PLACE]",
    "OF_ALL": "(of|for|at|in|from|on|to) WHOLE",
    "MAP": "map|maps|image|images|picture|estimation|estimate|estimates|prediction|predictions|data|values|value|"
    "detection|"
    "field|channel|visualization|heatmap|heat map",
    "DISTANCE": "distance|distances|range",
    "NEARER": "[the] (in front|in the front|in the foreground|closer|closest|nearer|nearest|further|furthest|farther|"
    "farthest|more distant|most distant) [away] [FROM_CAMERA]",
    "MAIN": "foreground|[most] salient (object|region|thing)|saliency [map]|salient object (detection|segmentation)|"
    "(main|primary|central) (object|subject|thing)|subject",
    "BACKGROUND": "[the|its|image|photo|my] (background|backgrounds|bg|backdrop)",
    "BOX": "[(yolo|coco|voc) [style|format]] [2d|tight] "
    "(box|boxes|bounding box|bounding boxes|bbox|bboxes|boundingbox|boundingboxes|rectangle|"
    "rectangles) "
    "[coordinates]",
    "CLOUD": "[3d|dense|colored|coloured|rgb|xyz|ply] (point cloud|pointcloud|point clouds|pointclouds|cloud of "
    "points)",
    "SEMANTIC": "semantic [segmentation|seg|segment|labels|labeling|labelling|classes|mask|masks|map|maps] [map|mask]|"
    "semantics|semseg",
    "INDIVIDUALLY": "individually|separately|one by one|apart|as (instances|individuals)|as "
    "(separate|individual|single) (objects|instances|masks)",
    "PERSON": "[the|a|each|every|all] [the] (person|people|persons|humans|human|body|bodies)",
    "BODY": "[12|17|all] [human|body|full body|whole body|person|2d|skeletal] (keypoint|keypoints|key point|key points|"
    "pose|poses|skeleton|skeletons|joint|joints|landmark|landmarks|stick figure|openpose)",
    "FACE": "(face|facial) (keypoint|keypoints|key points|landmark|landmarks|points|mesh|features)",
    "HAND": "(hand|hands|finger) (keypoint|keypoints|key points|landmark|landmarks|pose|poses|joints|points|skeleton)",
    "DET": "the|a|an|my|me|us|this|that|these|those|it|him|her|them|some|your|our|his|all|every|for|to|up",
    "SHADE": "red|green|blue|yellow|white|black|orange|purple|pink|cyan|magenta",
    "NOUNS": "[[the] (class|classes|label|labels|category|categories|object|objects)] [:]",
}

BOTH = "width and height|height and width|length and width|width and length|height and length|length and height"


@dataclass(frozen=True, eq=False)
class Form:
    """A row: what is asked for, how it is read, its patterns, whole examples ("{}" is a thing), and which it takes of
    unit, range, code (a colormap) and frame."""

    asks: str
    read: Reading
    texts: tuple[str, ...]
    examples: tuple[str, ...]
    takes: tuple[str, ...] = ()

    @cached_property
    def patterns(self) -> tuple[Pattern, ...]:
        return tuple(Pattern(text, CLASSES) for text in self.texts)


FORMS: tuple[Form, ...] = (
    Form(
        "depth relative to the rest",
        readings.relative_depth,
        (
            "(relative|ordinal|unscaled|normalized|normalised|affine invariant|scale invariant|shift invariant|"
            "scale and shift invariant|up to scale|non metric) (depth|depths|distance|distances) [MAP] [OF_ALL]",
            "depth [map] [,] (relative|up to scale|without scale|without units|without unit) [MAP]",
            "depth (order|ordering|ranking|layers)",
            "(what|which|who) [thing|things|object|objects|one|part|parts] BE NEARER "
            "[thing|things|object|objects|part|point]",
            "[the] NEARER (thing|things|object|objects|part|point)",
        ),
        ("relative depth",),
        ("code",),
    ),
    Form(
        "disparity, which grows with nearness",
        readings.disparity,
        ("[stereo] (disparity|disparities) [MAP] [OF_ALL]", "(inverse|inverted|reciprocal) depth [MAP] [OF_ALL]"),
        ("disparity",),
        ("code",),
    ),
    Form(
        "a point cloud",
        readings.point_cloud,
        (
            "[depth|export|save] [as [a|an]] CLOUD [OF_ALL] [(in|as|to) [a|an] ply [file|format]] "
            "[(with|in) [rgb] (color|colors|colour|colours)]",
            "(turn|convert|make|transform|unproject|lift) PICTURE (into|to|in|as) [a|an] CLOUD",
            "(3d|xyz) (points|coordinates) [OF_ALL]",
            "CLOUD (of|for|from) THING",
        ),
        ("point cloud", "point cloud of {}"),
        ("unit", "range"),
    ),
    Form(
        "metric depth of everything",
        readings.metric_depth,
        (
            "(heatmap|heat map|image|picture|visualization|plot) of [the] (depth|depths|distances) [OF_ALL]",
            "[monocular|mono|dense|colored|coloured|full|3d|scene|per pixel|pixelwise|pixel wise|real|true|"
            "single image] [metric|absolute|metrical] "
            "(depth|depths|depthmap|depthmaps|z depth) [MAP] [OF_ALL] [FROM_CAMERA] [[,] UNIT]",
            "[metric] (z buffer|zbuffer|depth buffer|z pass|depth pass|range map|range image|distances|distance "
            "map|distance image) "
            "[OF_ALL] [FROM_CAMERA] [[,] UNIT]",
            "[metric|absolute|real|true] (distance|distances) [OF_ALL] [FROM_CAMERA]",
            "depth [map|image] [,] (metric|absolute)",
            "(distance|distances|depth) (from|to) CAMERA [OF_ALL]",
            "how (far|distant|close|near|deep) [away|off] [FROM_CAMERA] BE WHOLE [away|off] [FROM_CAMERA]",
            "how (far|distant|close) [away|off] [FROM_CAMERA] WHOLE BE [away|off] [FROM_CAMERA]",
            "(distance|range) (estimation|measurement|prediction) [OF_ALL]",
            "[metric] (depth|distance) (map|image|estimation|estimate|prediction) (of|for) ELSE",
        ),
        ("metric depth", "how far is everything?"),
        ("unit", "range", "code"),
    ),
    Form(
        "surface normals",
        readings.normals,
        (
            "[surface|geometric|rgb|colored|camera space|per pixel|pixelwise|estimated] "
            "(normals|normal vectors|normal (MAP)) [MAP] [OF_ALL]",
            "surface (normal|orientation|orientations|direction|directions) [MAP] [OF_ALL]",
            "(orientation|orientations) of (surfaces|[the|each|every|all] (surface|surfaces))",
            "(which|what) (way|direction|ways|directions) (do|does|is|are) ELSE "
            "(face|facing|faces|point|pointing|oriented)",
            "where (do|does|is|are) ELSE (face|facing)",
            "normal",
            "orientation (MAP)",
            "[surface] (normals|normal|normal map|orientation) (of|for|from|on) ELSE",
            "ELSE [surface] normals",
        ),
        ("surface normals",),
        ("frame",),
    ),
    Form(
        "edges",
        readings.edges,
        (
            "[detect] [the] [all] [sharp|strong|fine|object|image|canny|sobel|hed|occlusion] "
            "(edge|edges|contour|contours|outline|outlines|boundary|"
            "boundaries) "
            "[MAP] [OF_ALL]",
            "(line art|lineart|line drawing|sketch|pencil sketch|contour lines|canny|sobel) [OF_ALL]",
            "(outline|trace) WHOLE",
            "[object] (edges|boundaries|contours) between (things|objects|regions|segments)",
            "[detect] [the] [object] (edges|contour|contours|outline|outlines|boundary|boundaries|edge map|edge "
            "detection) "
            "(of|for|around|on|in) ELSE",
        ),
        ("edges",),
    ),
    Form(
        "everything, told apart",
        readings.panoptic,
        (
            "panoptic [segmentation|seg|labels|mask|masks|map|segment] [map] [(of|for) WHOLE]",
            "(segment|mask|label|annotate|segmentation of|masks of|masks for) (WHOLE|anything) [you can see|you see|"
            "visible]",
            "(full|whole) [scene|image] (segmentation|parsing)",
            "panoptic [segmentation|seg] [of|for|:|with] THING",
        ),
        ("segment everything", "panoptic segmentation"),
    ),
    Form(
        "points of a face",
        readings.face_points,
        (
            "[detect] [the] FACE [detection|estimation] [(of|for|on) (PERSON|[the] (face|faces))]",
            "[detect] [the] FACE [detection|estimation] (of|for|on) THING",
            "(keypoints|key points|landmarks|points) (of|on) [the] (face|faces)",
        ),
        ("face landmarks",),
    ),
    Form(
        "points of a hand",
        readings.hand_points,
        (
            "[detect] [the] HAND [detection|estimation] [(of|for) PERSON]",
            "[detect] [the] HAND [detection|estimation] (of|for|on) THING",
            "(keypoints|key points|landmarks|pose) of [the|a] (hand|hands)",
        ),
        ("hand keypoints",),
    ),
    Form(
        "keypoints",
        readings.keypoints,
        (
            "[detect] [the] BODY [detection|estimation|prediction|map|tracking|position|positions] "
            "[(of|for|on|from) (PERSON|PICTURE|everyone|everybody)]",
            "[detect] [the] BODY [detection|estimation] (of|for|on) THING : POINTS",
            "[detect] [the] BODY [detection|estimation] (of|for|on) THING",
            "(points|BODY) [:] POINTS (of|on) THING",
            "[detect] [the] BODY [detection|estimation] : POINTS",
            "THING (keypoints|key points|pose|poses|skeleton|landmarks) [estimation|detection]",
        ),
        ("keypoints", "pose of the person", "keypoints of the dog: nose, tail"),
    ),
    Form(
        "keypoints by name",
        readings.listed_points,
        ("(keypoints|key points|landmarks|joints|points) [,] POINTS", "POINTS (keypoints|key points|landmarks|joints)"),
        (),
    ),
    Form(
        "things cut out",
        readings.cutout,
        (
            "(remove|delete|erase|strip|drop|cut|cut out|cut off|take out|take away|clear|kill|get rid "
            "of|eliminate|knock out) "
            "BACKGROUND [OF_ALL]",
            "BACKGROUND (removal|removed|remover|off|away)",
            "(remove|delete|erase|cut) BACKGROUND (of|from|behind|around) THING",
            "[make|set|turn] BACKGROUND [to|be] transparent",
            "[a] (no|transparent) (background|bg)",
            "without [a|the] (background|bg)",
            "(cutout|cut out) [of PICTURE]",
            "(cut|take|crop|clip) BACKGROUND out",
            "[a] transparent (png|image)",
            "(cut|take|crop|clip) THING out [of PICTURE]",
            "(extract|isolate|separate|cut|cut out|lift|segment|split|pull) THING (from|off|out of) BACKGROUND",
            "(isolate|segment|get|show) THING (with|on|onto) [a] transparent (background|bg)",
            "[transparent] (cutout|cut out|cutouts|png|transparent image) (of|for) THING [[,] (with|on) [a] "
            "transparent (background|bg)]",
            "(cut out|cutout|cut|extract|crop out|clip out|clip|lift) THING [[,] (with|on|onto) [a] transparent "
            "(background|bg)]",
            "THING [,] (with|on) [a] (transparent|no) (background|bg)",
            "THING [,] (without [a|the|its]|no) (background|bg)",
            "(remove|delete|erase|drop) (everything|all) [else] (except|but|besides|apart from|other than) [for] THING",
            "(keep only|only keep|keep just|just keep|keep) THING",
            "THING (cutout|cut out)",
        ),
        ("cut out {}", "remove the background"),
    ),
    Form(
        "mattes, soft masks",
        readings.matte,
        (
            "[alpha|portrait|image] (matte|matting|mattes|alpha|alpha channel|alpha mask|alpha map|trimap|soft mask) "
            "[OF_ALL]",
            "[alpha] (matte|matting|mattes|alpha|alpha channel|alpha mask|soft mask) (of|for) THING",
            "(opacity|transparency) of THING",
            "THING (matte|matting|alpha matte|alpha mask)",
        ),
        ("alpha matte of {}",),
    ),
    Form(
        "which is nearer",
        readings.compare,
        (
            "(which|what|who) [one|thing|object|of them|of these] BE NEARER [,|:] [either] THING",
            "(which|what|who) BE NEARER [,|:] [is it] THING",
            "which [one] of THING BE NEARER",
            "BE THING NEARER than OTHER [is|are]",
            "BE THING [standing|sitting|parked] (in front of|behind) OTHER",
            "BE THING NEARER",
            "[between|of|out of] THING [,|:] (which|what|who) [one|of them] BE NEARER",
            "NEARER [,|:] THING",
            "THING NEARER",
            "compare [the] (distance|distances|depth|depths) (of|to|between) THING",
            "compare (how far|how close|how near) THING BE",
        ),
        ("which is closer, the cup or the plate?", "is the cup closer than the plate?"),
        ("unit",),
    ),
    Form(
        "how far two things are from each other",
        readings.between,
        (
            "(distance|gap|space) between THING",
            "how far [away|apart] BE THING from each other",
            "how (far|close) apart BE THING",
            "how far is it between THING",
            "how many UNIT [is it|is there|are there|are] between THING",
            "how (far|close) [away] BE THING from OTHER",
            "distance from THING to OTHER",
        ),
        ("distance between the cup and the plate",),
        ("unit",),
    ),
    Form(
        "how far a thing is",
        readings.distance,
        (
            "how (far|close|near|distant) [away|off] [FROM_CAMERA] BE THING [away|off] [FROM_CAMERA]",
            "how (far|close|near|distant) [away|off] [FROM_CAMERA] THING BE [away|off] [FROM_CAMERA]",
            "how (far|close) [away|off] [is it|it is|am i|are we] [FROM_CAMERA] to THING",
            "how (far|close) [away|off] (am i|are we) from THING",
            "how many UNIT [away|off] [FROM_CAMERA] [is it|it is|are there|am i] [away] "
            "[to|from|is|are|till|until] THING "
            "[away|off] [FROM_CAMERA]",
            "DISTANCE (from|between) CAMERA (to|and|of) THING",
            "DISTANCE (from|between) THING (to|and) CAMERA",
            "(DISTANCE|depth) [value|values] (to|of|from|for) THING [FROM_CAMERA]",
            "DISTANCE [:] THING",
            "THING distance [FROM_CAMERA]",
            "depth (of|to|at|for) THING",
            "how (far|close) [away] THING",
            "(what|which) (depth|distance) BE THING [at|FROM_CAMERA]",
        ),
        ("how far is {}?", "distance to {} in feet"),
        ("unit", "range"),
    ),
    *(
        Form(
            f"how {words.split('|')[0]} a thing is",
            reading,
            (
                f"how ({words}) BE THING",
                f"how many UNIT ({words}) BE THING",
                f"({nouns}) of THING",
                f"[measure] how ({words}) THING BE",
                f"(what|which) ({nouns}) BE THING",
            ),
            (example,),
            ("unit",),
        )
        for words, nouns, reading, example in (
            ("tall|high", "height", readings.height, "how tall is {}?"),
            ("wide|broad", "width|breadth", readings.width, "width of {} in cm"),
            ("long", "length", readings.length, "how long is {}?"),
            ("big|large", f"size|dimensions|{BOTH}", readings.size, "how big is {}?"),
        )
    ),
    Form(
        "whether a thing is nearer than so much: how far it is",
        readings.threshold,
        ("BE THING", "BE THING (away|distant|far|off)"),
        (),
        ("unit", "range"),
    ),
    Form(
        "counts",
        readings.count,
        (
            "[count] how many [of] THING (BE there|BE visible|BE present|there BE|can (you|i|we) (see|count|find)|do "
            "(you|i|we) (see|count|find)|"
            "BE in it|does it (show|have)|exist|you see) [in total|altogether|here]",
            "[count] how many THING (do|does) OTHER (have|has|show|contain)",
            "[count] how many THING (has|have) OTHER",
            "[count] how many [of] THING (BE|can you see|do you see) REST",
            "[count] how many [of] THING [BE]",
            "count [the] (number|amount|total) of THING",
            "(tally|enumerate) [up] THING",
            "count (everything|every thing|anything|it all)",
            "(count|counting) [up] THING",
            "(number|count|amount|quantity|total number|total count|total) of THING",
            "total THING",
            "THING (count|counting)",
        ),
        ("count the cups", "how many people are there?"),
    ),
    Form(
        "where things are",
        readings.where,
        (
            "where [exactly] [in PICTURE] BE THING [located|placed|situated|standing|sitting|hiding]",
            "where [exactly] [in PICTURE] THING BE [located]",
            "where [in PICTURE] (can|do|could) (i|we|you) (see|find) THING",
            "(in|on|at) (which|what) (part|side|corner|half|area|place|position) [of PICTURE] BE THING",
            "(which|what) (part|side|corner|half) [of PICTURE] BE THING [in|on]",
            "[pixel] (location|locations|position|positions|whereabouts|coordinates) (of|for) THING",
            "(locate|pinpoint|localize|localise) THING",
            "where THING",
            "[pixel] (center|centre|centroid|center point|midpoint) (of|for) THING",
            "THING (location|position)",
        ),
        ("where is {}?",),
    ),
    Form(
        "whether a thing is there",
        readings.presence,
        (
            "BE there [any|some|at least one|no] THING [here|anywhere|visible|present|there]",
            "[if|whether|that] there BE [any] THING [here|anywhere|visible|present]",
            "(do|can|could|did) (you|we|i) see [any] THING [here|anywhere|there]",
            "have (you|we) seen [any] THING",
            "(does|did) (it|this|PICTURE) (contain|have|show|include|depict) [any] THING [in it]",
            "[it|this|PICTURE] (contains|includes|shows|depicts) [any] THING",
            "BE [any] THING (visible|present|there|shown|here|in PICTURE|in it)",
            "(if|whether|that) THING [BE] (visible|present|in PICTURE|in it)",
            "THING (visible|present)",
            "THING BE (visible|present|in PICTURE|in it)",
            "(any|no|if|whether) THING [BE] [there|here|in here|anywhere]",
            "check for [any] THING",
            "[is] (anyone|anybody|someone|somebody) (there|here|home|around|in here)",
            "[if|whether] (anyone|anybody|someone|somebody) BE REST",
            "is (anyone|anybody|someone|somebody) REST",
            "(presence|existence) of THING",
        ),
        ("is there a cup?", "are there any people?"),
    ),
    Form(
        "the mask of the main object",
        readings.main_object,
        ("[segment|mask|select|highlight|find|mask of|masks of] [the] MAIN [mask|segmentation|map]",),
        ("segment the main object",),
    ),
    Form(
        "boxes",
        readings.detect,
        (
            "(object detection|object detector|object localization|object localisation|"
            "[2d] (boxes|bounding box|bounding boxes|bbox|bboxes)) [OF_ALL]",
            "(detect|detection of|detection :) (everything|every thing|anything|it all)",
            "[object] (detection|detections|detector) [of|for|:|on|with] NOUNS THING",
            "(detect|detection :|detection) NOUNS THING",
            "BOX (of|for|around|on|over|:|about|surrounding) THING",
            "(draw|put|place|make|get|box) [a|the|some] BOX (around|on|over|for|of) THING",
            "BOX THING",
            "box [in|up] THING",
            "BOX : THING",
            "THING (bounding box|bounding boxes|bbox|bboxes|detection|detections|detector)",
        ),
        ("detect {}", "boxes of dogs and people"),
    ),
    Form(
        "things of a kind, each with its mask",
        readings.instances,
        (
            "instance [level] [segmentation|masks|mask|seg|map|segments] [map|masks] [OF_ALL]",
            "instances",
            "instance [level] [segmentation|seg] [masks|mask|map] [of|for|:|on] THING",
            "instances (of|:|for) THING",
            "(segment|mask|masks of|masks for|find|select|highlight) THING [,] INDIVIDUALLY",
            "THING [,] (individually|separately|one by one|as [separate|individual|single] (instances|masks))",
            "(color|colour) THING differently",
            "(segment|mask|select) (each|every) (individual|single) THING",
            "[a|an|one] (separate|different|own|individual|single) (mask|masks) (for|of|per) THING",
            "[one|a] mask per THING",
            "THING instances",
        ),
        ("segment every cup", "find the cups"),
    ),
    Form(
        "a class a pixel",
        readings.semantic,
        (
            "SEMANTIC [OF_ALL]",
            "SEMANTIC [of|for|into|with|using|:|,|as] NOUNS THING",
            "(labels|classes|categories|[the] (parts|regions|areas|surfaces) [of ELSE]) : THING",
            "(segment|label) [the|these] [following] (classes|labels|categories|objects|following) [:] THING",
            "(classify|label|assign|mark|tag) (ALL|PICTURE) (as|into|to|with|:) [either] NOUNS THING",
            "(pixel wise|pixelwise|per pixel) (classification|labeling|labels|classes) [of|as|into|:|,] THING",
            "(label|labels|classes) NOUNS THING",
            "(segment|split|divide|parse|partition|separate) [PICTURE] (into|as|by|in) NOUNS THING",
        ),
        ("segment wall, floor, bed", "semantic segmentation of road, sky and car"),
    ),
    Form(
        "things of a kind, or one thing's mask",
        readings.find,
        (
            "(find|look for|search for|search|spot|identify) [me|us|for] [only|just] THING",
            "[i am|we are] (looking for|searching for|trying to find) THING",
        ),
        ("find {}",),
    ),
    Form(
        "masks",
        readings.masks,
        (
            "[binary|pixel|pixelwise|object] (segmentation map|segmentation mask|segmentation masks|segment "
            "mask|mask|masks) "
            "[of|for|:] THING",
            "mask [out] THING",
            "(mark|highlight|outline|tint) THING [with|as] SHADE",
            "(give|get|show) (me|us) (just|only) THING",
            "(select|highlight|isolate|outline|mark|show|show me|point out|point to|point at|click|click on|tap on) "
            "THING",
            "[a] (heatmap|heat map|probability map|attention map) (of|for|showing) [where] THING [BE]",
            "(silhouette|silhouettes|shape|pixels|region|area|extent) (of|for|belonging to) THING",
            "(which|what) pixels (are|is|belong to|show|make up|contain|cover|depict) [part of] THING",
            "BEFORE (mask|masks|silhouette|segmentation|segmentation mask|pixels)",
        ),
        ("mask of {}", "highlight {}"),
    ),
    Form(
        "masks, or classes where bare names are listed",
        readings.segment,
        ("(segment|segmentation) [me|us] [out|of|for] [:|,] [only|just] THING",),
        ("segment {}",),
    ),
)

# ---- what may stand before and after a question

POLITE = (  # before anything
    "(please|pls|plz|kindly|hey|hi|hello|thanks|thank you|ok|okay|so|now|well|just|only|yo|also|then|next|finally|"
    "first|both|plantain) "
    "[there|plantain|all] [,|;|:]",
)
LEADING = (  # before a question that is read by its words, not before a bare name
    "(can|could|would|will|may) (you|u|i|we) [please|kindly|also|maybe]",
    "(i|we) (want|need|wish|like|wanna|require|would like|am after|want you|need you|would like you) [to] "
    "[see|have|get|know|find out|find|do]",
    "(is|would) it [be] possible to [get|see|have|know|find|find out|tell|measure|estimate]",
    "(roughly|approximately|exactly|precisely|about)",
    "is there (a|any) way to [get|see|have]",
    "how (can|do|would|could) (i|we|you) (get|see|make|have|know)",
    "(help me|try to|i would love|let us|lets|let me|go ahead and)",
    "(do you know|any idea|let me know|i wonder|can you say|tell me|tell us|say|check|see|verify|find out|check for "
    "me) [if|whether|that|me|us|please]",
    "(show|give|get|send|find|bring|draw|make|return|tell|hand) (me|us)",
    "(show|give|get|return|predict|estimate|compute|calculate|generate|make|create|produce|do|run|perform|render|"
    "extract|output|draw|plot|"
    "visualize|visualise|display|provide|build|determine|measure|infer|obtain|export|save|trace|paint|find|"
    "apply|use|want|"
    "need|recover|derive|work out|figure out|put) [out|all]",
    "(what|what's) (is|are|about|was)",
    "(the|a|an|some|my|its|another|one|all|any)",
    "(accurate|good|nice|detailed|precise|clean|high quality|high resolution|simple|quick|exact|approximate|rough)",
)
TRAILING = (
    "[,] (please|pls|plz|thanks|thank you|thx|ty|now|asap|for me|if you can|if "
    "possible|here|only|again|exactly|roughly|"
    "approximately|about|right now|at all|for this|in total|would you|can you|ok)",
    "[,] (in|of|from|on|for|to|at) PICTURE",
)


def forms() -> Iterator[tuple[Form, Pattern]]:
    """Every pattern with its row, in the order in which they are tried."""
    return ((form, pattern) for form in FORMS for pattern in form.patterns)
