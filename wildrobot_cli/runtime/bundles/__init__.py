"""Policy bundles: read, verified, loaded; nothing in them is trusted."""
