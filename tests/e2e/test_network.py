"""What a person sees of the network: who is connected, how this node is reached, and what is wrong."""

import re

from program import Case, wait_until


class Reached(Case):
    """A relay, one that is only reached through it, and one that calls."""

    def with_reachability(self, name, reachability, relay=None):
        node = self.made(name)
        node.ok("config", "Internal.Libp2pForceReachability", reachability)
        if relay:
            node.ok("config", "--json", "Swarm.RelayClient.StaticRelays", f'["{relay.address}"]')
        return node.start()

    def test_nat_status_of_a_node_that_nobody_has_called(self):
        node = self.started()
        status = node.json("nat", "status")
        self.assertEqual(status["Reachability"], "Unknown")
        self.assertEqual(status["Relays"]["Reservations"], [])
        self.assertEqual(status["PortMapping"], {"Enabled": False, "Protocol": "", "Router": "", "Outside": "", "Mappings": [],
                                                 "LastFailure": ""})
        text = node.text("nat", "status")
        self.assertIn("Whether others can reach this node isn't known yet.", text)
        self.assertIn("listens on nothing but this computer", text)
        self.assertEqual(node.json("swarm", "addrs", "autonat"), {"reachability": "Unknown"})
        self.assertIn("no address reachability data", node.text("swarm", "addrs", "autonat"))

    def test_commands_about_reaching_want_a_daemon(self):
        node = self.made()
        for words in (["nat", "status"], ["relay", "status"], ["relay", "ls"], ["swarm", "addrs", "autonat"]):
            with self.subTest(words):
                self.assertIn("daemon", node.fails(*words))

    def test_both_sides_of_a_relay_tell_of_it(self):
        relay = self.with_reachability("relay", "public")
        inside = self.with_reachability("inside", "private", relay)
        caller = self.started("caller")
        client = wait_until(lambda: (status := inside.json("relay", "status"))["Client"]["Reservations"]
                            and status["Client"]["Reservations"][0]["Held"] and status, what="a reservation")["Client"]
        self.assertEqual(client["Reservations"][0]["Relay"], relay.id)
        self.assertRegex(client["Reservations"][0]["Expires"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(client["Reservations"][0]["Limit"], {"Seconds": 120, "Bytes": 131072})
        text = inside.text("nat", "status")
        self.assertIn("by the settings", text)
        self.assertIn(f"1 reserved (1 known)\n               {relay.id} until 20", text)
        self.assertEqual(inside.text("relay", "ls"), f"{inside.json('swarm', 'peers')['Peers'][0]['Addr']}/p2p/{relay.id} reserved")

        caller.ok("swarm", "connect", f"{relay.address}/p2p-circuit/p2p/{inside.id}")
        service = relay.json("relay", "status")["Service"]
        self.assertTrue(service["Serving"])
        self.assertEqual([one["Peer"] for one in service["Reservations"]], [inside.id])
        self.assertEqual(service["CircuitsEver"], 1)
        self.assertEqual(service["Limits"]["Reservations"], 128)
        text = relay.text("relay", "status")
        self.assertRegex(text, r"For others +1 of 128 places taken, [01] circuits open")
        self.assertRegex(text, re.escape(inside.id) + " at 127.0.0.1 until 20")
        self.assertIn("carries 131 kB each way, for at most 2 min", text)
        # It is called, so it's the one that tries to make a direct connection.
        wait_until(lambda: inside.json("nat", "status")["HolePunching"]["Begun"] == 1, what="a hole punch")


class Connections(Case):
    def test_details_of_a_connection(self):
        first, second = self.pair()
        [peer] = first.json("swarm", "peers", "--details")["Peers"]
        self.assertEqual((peer["Peer"], peer["Direction"], peer["Relayed"], peer["Limited"]), (second.id, 2, False, False))
        self.assertIn(peer["Transport"], ("tcp", "quic", "websocket"))
        self.assertEqual(peer["FoundBy"], "given")
        self.assertGreater(peer["BytesIn"], 0)
        self.assertNotIn("RateIn", peer)
        self.assertEqual(second.json("swarm", "peers", "--details")["Peers"][0]["FoundBy"], "inbound")
        text = first.text("swarm", "peers", "--details")
        self.assertRegex(text, r"outbound\n  direct, \S+ .*, for \d+ s\n  in [\d.]+ k?B, out [\d.]+ k?B\Z")
        # What Kubo has is as Kubo has it.
        self.assertRegex(first.text("swarm", "peers"), r"\A/ip4/127\.0\.0\.1/\S+/p2p/" + second.id + r"\Z")
        self.assertNotIn("FoundBy", first.json("swarm", "peers", "-v")["Peers"][0])

    def test_rates_are_what_comes_in_a_second(self):
        first, second = self.pair()
        content = self.write("big", bytes(range(256)) * 80_000)
        cid = second.add(content)
        got = first.background("cat", cid)
        self.addCleanup(got.stop)
        text = wait_until(lambda: (shown := first.text("swarm", "peers", "--rates")) and "now in" in shown and shown, what="a rate")
        self.assertRegex(text, r"; now in [\d.]+ \w+/s, out [\d.]+ \w+/s")

    def test_peers_that_are_kept_come_back(self):
        first, second = self.started("first"), self.started("second")
        self.assertEqual(first.text("swarm", "peering", "add", second.address), f"add {second.id} success")
        wait_until(lambda: second.id in first.peers(), what="a connection")
        self.assertEqual(first.json("swarm", "peers", "--details")["Peers"][0]["FoundBy"], "peering")
        [kept] = first.json("swarm", "peering", "ls")["Peers"]
        self.assertEqual(kept, {"ID": second.id, "Addrs": [second.address.partition("/p2p/")[0]]})
        first.ok("swarm", "disconnect", f"/p2p/{second.id}")
        wait_until(lambda: second.id in first.peers(), what="the connection again")
        self.assertEqual(first.text("swarm", "peering", "rm", second.id), f"remove {second.id} success")
        self.assertEqual(first.text("swarm", "peering", "ls"), "")
        self.assertIn("itself", first.fails("swarm", "peering", "add", first.address))

    def test_peering_by_configuration(self):
        first, second = self.started("first"), self.made("second")
        address = first.address
        second.ok("config", "--json", "Peering.Peers",
                  f'[{{"ID": "{first.id}", "Addrs": ["{address.partition("/p2p/")[0]}"]}}]')
        second.start()
        wait_until(lambda: first.id in second.peers(), what="a connection")
