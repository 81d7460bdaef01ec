"""Wire and remember: the dataflow, its stateful logic, the processes, the command line."""
