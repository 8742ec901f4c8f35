"""Built-in encoders; each module holds one."""
