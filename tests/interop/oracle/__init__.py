"""Random chains that kith and anvil both run: what is made, how it is run and compared, how a difference is made small."""
