"""For all tests: hypothesis sets no time limit for one example; a busy machine or a sanitizer's build is no failure."""

from hypothesis import settings

settings.register_profile("pyfix", deadline=None)
settings.load_profile("pyfix")
