"""Many pictures, one question (`plantain batch`): worker processes around the stages of `stream`, one book of outcomes.

sources.py  pictures in folders, tar shards, Parquet tables and object stores
worker.py   one process: a model, its stages, a store
driver.py   who gives pictures to workers, and to whom they may go again
book.py     the run's folder: what was asked, an outcome a line, and the Parquet index
"""
