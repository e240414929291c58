import Glibc

/// C's `pow`, as Python's `**` on floats.
func power(_ base: Double, _ exponent: Double) -> Double { Glibc.pow(base, exponent) }
