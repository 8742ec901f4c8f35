"""Built-in combiners; each module holds one."""
