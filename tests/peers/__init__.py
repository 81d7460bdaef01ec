"""OPC UA servers that the tests talk to, each a process of its own that is told what to do on its standard input."""
