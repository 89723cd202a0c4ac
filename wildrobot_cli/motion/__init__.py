"""Reference motion: clips, the library, checks, importers, mirroring. No physics."""
