"""Files of values: reading, cleaning, units, replicates and refused rows."""
