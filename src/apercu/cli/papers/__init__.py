"""A file for each paper that `apercu reproduce` makes again, of its name; it offers what a command offers."""
