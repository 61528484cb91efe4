"""Other formats: reading and writing picture files, and apercu as a format for Pillow.

Nothing here is imported by `import apercu`; each module brings the libraries it needs when it is first used.
"""
