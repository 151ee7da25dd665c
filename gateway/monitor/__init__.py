"""The efficacy monitor: a sample of what leaves is read again, by a second and slower pass; and drift is noticed.

It reads with a decoder of its own, in a process of its own and of low priority, and never holds up a request: what it can't
take is dropped and counted. It changes nothing that leaves. What it says is made of names that tracker files, rule files and
the site owner wrote, never of a value.
"""
