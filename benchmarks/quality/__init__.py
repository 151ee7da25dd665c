"""How much of labelled personal data the gateway finds, and how much harmless text it leaves alone.

Made-up values of every kind (Faker, python-stdnum's and phonenumbers' examples) are written in every notation, put
into the records of trackers, sent through the very pipeline of `gateway run` and looked for in what would leave, with
a decoder that is not the gateway's. Seeded: the same size and seed give the same figures.
"""
