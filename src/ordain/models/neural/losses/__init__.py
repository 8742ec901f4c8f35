"""Built-in losses; each module holds one."""
