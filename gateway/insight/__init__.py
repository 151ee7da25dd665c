"""What the pipeline did to a request, made to be looked at: plain data, which any process may be handed.

Pure, like what it looks at. Holds values: whoever shows or keeps them says to whom (`gateway.console`, `gateway.cli`).
"""
