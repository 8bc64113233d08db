"""What the tests outside C share: brokers to start, clients to drive them."""
