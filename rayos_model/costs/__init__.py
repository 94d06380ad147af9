"""What things cost: the fitted parameters, and the cache and address-space state that costs depend on."""
