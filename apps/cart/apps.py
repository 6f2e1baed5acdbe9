from django.apps import AppConfig


class CartConfig(AppConfig):
    name = "apps.cart"
    label = "cart"

    def ready(self) -> None:
        from apps.cart import handlers  # noqa: F401 - subscribes to events
