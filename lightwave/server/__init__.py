"""The composition root: configuration to objects to listeners. The only place that knows everybody."""
