"""Sealed store-and-forward: what was accepted waits here, encrypted, until its backend takes it.

    append (sealed, on disk) → accepted … claim → deliver → done

`store` says what a store promises, `embedded` is the one on this machine, `drain` takes records out. The proxy hands in
how a record is delivered; nothing here knows HTTP.
"""
