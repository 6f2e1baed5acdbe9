from apps.cart.models.basket import Cart, CartItem, VatNumberCheck
from apps.cart.models.coupons import CartCoupon, Coupon, CouponBatch, PromotionUse
from apps.cart.models.promotions import Promotion, PromotionTier
from apps.cart.models.quotes import CartQuote
from apps.cart.models.shipping import ShippingBand, ShippingHoliday, ShippingMethod, ShippingZone
from apps.cart.models.taxes import TaxExemption, TaxRate, TaxZone

__all__ = [
    "Cart",
    "CartCoupon",
    "CartItem",
    "CartQuote",
    "Coupon",
    "CouponBatch",
    "Promotion",
    "PromotionTier",
    "PromotionUse",
    "ShippingBand",
    "ShippingHoliday",
    "ShippingMethod",
    "ShippingZone",
    "TaxExemption",
    "TaxRate",
    "TaxZone",
    "VatNumberCheck",
]
