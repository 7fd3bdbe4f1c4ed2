"""The one access decision: who may read and write what, as masks of attribute numbers."""
