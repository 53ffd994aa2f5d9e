"""`execbot option`: chains, structures, exercise."""
