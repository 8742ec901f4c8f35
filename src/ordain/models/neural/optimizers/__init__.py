"""Built-in optimizers; each module holds one."""
