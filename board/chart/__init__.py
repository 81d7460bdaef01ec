"""A characteristic's points as its control chart draws them: all, or so many that nothing remarkable is lost."""
