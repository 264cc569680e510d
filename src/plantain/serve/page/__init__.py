"""The page of `plantain serve`: a photo, a question, and the answer to be looked at, pointed at and taken away.

mount.py       the page in the application of the server, built in a thread
access.py      what of Gradio is let through
layout.py      what is where; events.py: what happens when it is pressed; say.py: what is said then
parts.py       the viewer (viewer.html, viewer.js) and the editor of a legend (legend.html, legend.js); page.css
service.py     questions through the queues of the server, within its limits
models.py      who answers, also models that have learned from examples; examples.py: what was dropped as such
understood.py  how a text was read, and how to say it better; doubts.py: why an answer is not to be believed
readings.py    what an answer says at a point; compare.py: how far two answers agree
kept.py        answers that lie ready; views.py: as layers; files.py: as files; cache.py: where these lie

Gradio is imported in events.py, layout.py and parts.py alone, which mount.py imports when the page is built.
"""
