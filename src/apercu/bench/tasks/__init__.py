"""Compression for machines: how well a network does its task on pictures that were compressed."""
