"""Puts processes together. The only package that may import both worker and recorder."""
