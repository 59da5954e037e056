"""C-level helpers of the client core; nothing for Python. See ext/pyfix/_core/client_text.pyx."""
