"""SQL in, resources out. One file a resource; no statement stands anywhere else."""
