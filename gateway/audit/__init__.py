"""The audit: made-up people sent through every tracker, coding, format and place of a configuration, to prove none comes out.

    people (Faker, seeded) → cases (requests in the shape of each tracker file) → the pipeline → a second reading → findings

The second reading shares no code with the gateway's own. A value counts as out in any notation that it could be read in.
"""
