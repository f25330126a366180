"""What `runreel doctor` looks at, one file a place: the machine, NATS and its streams, disks, the browser."""
