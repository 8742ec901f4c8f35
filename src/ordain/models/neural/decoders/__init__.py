"""Built-in decoders; each module holds one."""
