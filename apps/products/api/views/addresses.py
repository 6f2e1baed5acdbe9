"""Views whose address serves shoppers' reads and staff's writes."""

from apps.products.api.views.catalogue import CategoryDetail, CategoryList, ProductDetail, ProductList
from apps.products.api.views.catalogue_admin import CategoryChanges, CategoryWrites, ProductChanges, ProductWrites


class Products(ProductWrites, ProductList):
    permissions = ProductList.permissions | ProductWrites.permissions


class Product(ProductChanges, ProductDetail):
    permissions = ProductDetail.permissions | ProductChanges.permissions


class Categories(CategoryWrites, CategoryList):
    permissions = CategoryList.permissions | CategoryWrites.permissions


class Category(CategoryChanges, CategoryDetail):
    permissions = CategoryDetail.permissions | CategoryChanges.permissions
