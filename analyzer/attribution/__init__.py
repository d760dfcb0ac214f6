"""Which host served what, and how sure that is."""
