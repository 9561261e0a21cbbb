"""The operator's checks of what AWS has, for `doctor` and `adopt`. The functions on Lambda never load these modules."""
