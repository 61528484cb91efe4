"""Networks that look at pictures, and are trained here to do so: a module for each task of `apercu machine`."""
