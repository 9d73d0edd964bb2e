"""The Django application of the django-viewflow peer."""
