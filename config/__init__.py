"""What is where: the plant file, its models, its loading, its sample."""
