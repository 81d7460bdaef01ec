"""OPC UA: a client that subscribes to nodes, acknowledges what is on disk, and fills what was missed."""
