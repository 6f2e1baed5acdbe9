"""`make chaos`: a scratch shop, buyers over HTTP, one fault after the other, and an audit from outside after each."""
