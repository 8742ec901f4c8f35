"""What is kept: bundles, run folders, locks."""
