"""Methods that are fitted in closed form, or nearly so: no gradient runs through a network."""
