"""Starts kith and foreign peers, drives them, and ends them again. Standard library only; ../README.md is the guide."""
