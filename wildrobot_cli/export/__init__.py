"""Policy bundles: written, proved, and only then published."""
