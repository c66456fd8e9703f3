"""Names for people: adjective-noun-number; ids for machines: eight letters and digits."""

from __future__ import annotations

import secrets
import string

_ADJECTIVES = (
    "able amber ample apt azure bold brave brief bright brisk calm candid civil clear clever cosmic crisp "
    "curious daring deep deft eager early earnest easy fair fancy fast fine firm fleet fond frank free fresh "
    "gentle glad golden good grand great happy hardy honest humble ideal jolly just keen kind lasting light "
    "lively loyal lucid lucky lunar mellow merry mild modest neat nimble noble open patient plain polite prime "
    "proud pure quick quiet rapid rare ready rich robust rosy royal sane serene sharp silent silver simple "
    "sincere smart smooth snowy solar solid sound spry stable steady stellar still strong subtle sunny sure "
    "swift tidy tranquil true upbeat valid vivid warm wise witty young zesty"
).split()
_NOUNS = (
    "acorn alder anchor apple arrow ash aspen badger bay beacon bear beech birch bird bloom breeze bridge brook "
    "canyon cedar cliff cloud clover comet coral cove crane creek crow dawn deer delta dove dune dusk eagle "
    "ember falcon fern field finch fir fjord flame forest fox frost garden glade glen grove harbor hare hawk "
    "hazel heron hill island ivy jade jay juniper kite lagoon lake lark laurel leaf lily lynx maple marsh "
    "meadow mesa mist moon moss oak ocean orchid otter owl palm peak pearl pebble pine plain planet plover "
    "pond poplar prairie quail rain raven reed reef ridge river robin rose sage sand sea shore sky snow "
    "sparrow spring spruce star stone storm stream summit sun swan thrush tide tree vale valley violet wave "
    "willow wind wolf wood wren"
).split()

_ID_LETTERS = string.ascii_lowercase + string.digits


def make_run_name(number: int) -> str:
    """Return a name such as ``swift-fox-3``; ``number`` is 1 for the first run."""
    return f"{secrets.choice(_ADJECTIVES)}-{secrets.choice(_NOUNS)}-{number}"


def make_run_id() -> str:
    """Return a random run id; about 2.8e12 exist."""
    return "".join(secrets.choice(_ID_LETTERS) for _ in range(8))


def make_writer_id() -> int:
    """Return a random 64-bit number, never 0, for one process attached to a run."""
    return secrets.randbits(64) or 1
