"""What all tests share: hypothesis draws the same examples in every run, however slow the machine is."""

from hypothesis import settings

settings.register_profile("plumbline", deadline=None, derandomize=True)
settings.load_profile("plumbline")
