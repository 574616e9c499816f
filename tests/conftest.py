"""What every test starts from."""

from __future__ import annotations

import gc
import os
import resource
import signal
import threading

from hypothesis import settings

# A busy machine makes single examples slow; the suite's own limits on time are in pyproject.toml.
# BRIDGE_EXAMPLES=1000 looks longer wherever a test asks for no number of its own.
settings.register_profile("here", deadline=None, max_examples=int(os.environ.get("BRIDGE_EXAMPLES", "50")))
settings.load_profile("here")

# chdb leaves some files open each time its engine is opened: a worker ends with about 1,500, and 1,024 is a common limit.
_soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
_wanted = 8192 if _hard == resource.RLIM_INFINITY else min(_hard, 8192)
if _soft != resource.RLIM_INFINITY and _soft < _wanted:
    resource.setrlimit(resource.RLIMIT_NOFILE, (_wanted, _hard))

if threading.current_thread() is threading.main_thread():
    # A shell that starts a job in the background lets it ignore Ctrl-C; tests that press it need it to work.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Keep the thousands of collected tests out of every later garbage collection: that is a sixth of the suite's time."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """Let them go again: libraries would report what is still there at the end as leaked."""
    gc.unfreeze()
