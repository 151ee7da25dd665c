"""Plans for tests: what `gateway run` would serve by, masked in the test's own process."""

from __future__ import annotations

from gateway.cli.run import make_plan
from gateway.config import Configuration
from gateway.keyring import KeyRing
from gateway.maskers.setup import blueprint_of
from gateway.proxy.masking import Programs
from gateway.proxy.routes import Plan


def plan_of(configuration: Configuration, key: bytes = b"k" * 32) -> Plan:
    programs = blueprint_of(configuration, KeyRing("k1", {"k1": key})).programs()
    return make_plan(configuration, Programs(programs), programs)
