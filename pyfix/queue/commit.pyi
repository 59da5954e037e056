"""Group commit: the thread that writes, syncs and tells. For other extension modules (`pyfix.queue.journal` starts it)."""
