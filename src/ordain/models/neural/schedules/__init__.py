"""Built-in schedules; each module holds one."""
