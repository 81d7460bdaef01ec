"""The pages of the documentation that are written from the program itself, as `make docs` builds them.

What a page says of options, commands, endpoints and rules is read from the models and tables that the program runs by.
"""
