"""Other people's formats: picture files read and written, and apercu as a format of Pillow's.

Nothing here is imported by `import apercu`; each module brings the libraries it needs when it is first used.
"""
