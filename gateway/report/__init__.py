"""`gateway report`: what each backend gets, in words and figures, out of rules, tracker files and counted traffic.

    configuration ─▶ inventory ─┐
    counters ─▶ figures ────────┼─▶ content ─▶ render (HTML, Markdown) or JSON
    an earlier report ─▶ changes ┘

Every figure names the counter that it comes from; nothing here estimates.
"""
