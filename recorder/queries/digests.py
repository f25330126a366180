"""When the digest of a run is shown."""

from __future__ import annotations

# Once what happened in a run has left the stream, its digest is what there is. It is shown as soon as this
# recorder has come to the run's end: before, the run may be on its way into the tables. (No checkpoint: there
# is nothing on the stream.)
DIGEST_SHOWN = """
((digests.end_epoch, digests.end_position)
  <= (SELECT epoch, position FROM checkpoints WHERE stream = 'RUNS')) IS NOT FALSE
"""
