"""What every test starts from."""

from __future__ import annotations

import signal
import threading

if threading.current_thread() is threading.main_thread():
    # A shell that starts a job in the background lets it ignore Ctrl-C; tests that press it need it to work.
    signal.signal(signal.SIGINT, signal.default_int_handler)
