"""Erasure: what says who a customer is goes; what the books need stays."""
