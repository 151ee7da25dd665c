"""Masking in processes of its own: the front serves sockets, maskers mask, and what one payload breaks ends with its masker.

front: Maskers (pool) → Link (one process) ══ wire (frames over a socket pair) ══ Worker (process): the pipeline
"""
