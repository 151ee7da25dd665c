"""`gateway demo`: a visit to a small shop, recorded by three real trackers, sent through a real gateway.

    recorded (what was sent) → stage (sockets, the gateway, a backend) → evidence (what arrived) → terminal and page

`decoder` and `evidence` judge what arrived and import nothing of the gateway's own reading: were both to share a
mistake, the verdict would not see it. Nothing leaves this machine.
"""
