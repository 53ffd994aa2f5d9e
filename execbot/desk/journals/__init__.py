"""The journal itself at the desk: looked through, measured, copied, put back, derived anew."""
