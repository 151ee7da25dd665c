"""Debug mode: the configured routes and rules under mitmproxy, each request before and after.

Nothing that the pipeline refuses leaves, and what leaves is what it made. The request as it came is in memory alone,
bounded, and never in a flow: what mitmproxy saves, exports or sends again has been masked.
"""
