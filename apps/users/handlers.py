"""What users does when events of other apps have committed."""
