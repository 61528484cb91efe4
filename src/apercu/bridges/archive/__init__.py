"""Archives: previews of sources without number, on one machine, a cluster, or as array jobs (`apercu batch`)."""
