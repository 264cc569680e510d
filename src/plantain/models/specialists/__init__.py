"""Networks made for one purpose, beside which painters are measured; one file each, loaded only when named.

A specialist has a name, `supported_tasks` (each with what is answered there) and one method, `answer(photo, task)`. It
runs once on a photo (`infer`) and answers every question about it from its output.
"""
