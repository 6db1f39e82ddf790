"""Files of values: read, cleaned, with their units, replicates and refused rows."""
