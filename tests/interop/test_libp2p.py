"""kith-peer with go-libp2p, rust-libp2p, js-libp2p and itself, each as dialer and as listener."""

import unittest

from harness.libp2p_cases import pair_classes
from harness.peer import FOREIGN_KINDS

PAIRS = [pair for kind in FOREIGN_KINDS for pair in (("kith", kind), (kind, "kith"))] + [("kith", "kith")]
globals().update(pair_classes(PAIRS, (unittest.TestCase,), __name__))


if __name__ == "__main__":
    unittest.main()
