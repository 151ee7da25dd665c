"""More than one gateway: session state and the spool on NATS JetStream, replicated, so that a session may hop.

link (the connection) ◀─ sessions (a key-value bucket) · spool (a stream) · lease (who delivers a route)
"""
