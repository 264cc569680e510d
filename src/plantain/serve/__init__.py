"""Plantain over HTTP (`plantain serve`) and for agents (`plantain mcp`).

app.py       the application: what is put together, in which order
settings.py  limits, keys and places, as the command line says them
queue.py     a model that many clients ask at a time: the stages of `stream`, kept open
guard.py     who may come in, with how much, for how long
keys.py      API keys, and how often each may ask
uploads.py   pictures that come in, and how much work a question is
examples.py  examples that come with a question, and who has learned from them
replies.py   answers as JSON, PNG and .npz
jobs.py      long work that survives a restart; orders.py is what it asks, ledger.py its table
database.py  where that table lies: SQLite or PostgreSQL
errors.py    every error as one JSON object
watch.py     request ids, logs, metrics
routes/      the paths, a file a subject
page/        a page for people, at /ui
agents.py    the tools of `plantain mcp`
cluster.py   replicas of all of it on Ray
run.py       uvicorn, and an orderly end; place.py: where it listens
"""
