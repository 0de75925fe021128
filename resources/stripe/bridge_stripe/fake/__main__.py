"""`python -m bridge_stripe.fake`: the stand-in as a server for demos."""

import argparse
import signal
import sys
from threading import Event

from bridge_stripe.fake import KEY, standin

parser = argparse.ArgumentParser(prog="python -m bridge_stripe.fake", description="A stand-in for Stripe, on loopback.")
parser.add_argument("--port", type=int, default=12111)
parser.add_argument("--customers", type=int, default=40)
chosen = parser.parse_args()
ended = Event()
for name in (signal.SIGINT, signal.SIGTERM):
    signal.signal(name, lambda *_: ended.set())
with standin(customers=chosen.customers, port=chosen.port) as server:
    sys.stdout.write(f"A stand-in for Stripe listens on {server.url}; its key is {KEY}\n")
    sys.stdout.flush()
    ended.wait()
