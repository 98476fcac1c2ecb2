import threading
import time

import dagster as dg

lock = threading.Lock()


def hold():
    with lock:
        time.sleep(3600)


threading.Thread(target=hold, name="lock-holder", daemon=True).start()


@dg.asset
def wants_lock():
    # Forked with the code in it, this would wait for a thread that does not exist in the child.
    return threading.active_count()


defs = dg.Definitions([wants_lock])
