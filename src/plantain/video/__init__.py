"""One question about every frame of a clip (`plantain video`), and answers that hold still from frame to frame.

clip.py      frames of a clip, one by one, upright, with their times
motion.py    dense optical flow: where a pixel was in the frame before, and whether it was seen there
scale.py     the scale of depth, frame by frame, without its jitter
steady.py    a filter a kind of answer, along the flow; things keep their numbers (tracks.py)
flicker.py   how much answers change along the flow: the measure, before and after
film.py      frames into a file: H.264, or FFV1 without loss
beside.py    the pictures of the film: photo and answer side by side, with one scale of colors
run.py       the whole: ask, measure, steady, write; goes on after any end
"""
