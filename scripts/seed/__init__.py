"""The demo shop: the same people, goods and past orders every time. `manage.py seed` runs it."""
