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


class Diagnosis(Case):
    def test_the_doctor_goes_through_all_that_the_network_needs(self):
        node = self.started()
        checkup = node.json("doctor")
        states = {check["Name"]: check["State"] for check in checkup["Checks"]}
        self.assertEqual(set(states), {"clock", "disk", "network", "listening", "peers", "dht", "reachability", "relays",
                                       "bandwidth", "limits"})
        self.assertEqual(states["peers"], "warning", "there is no bootstrap list")
        for check in checkup["Checks"]:
            self.assertEqual(bool(check["Advice"]) or check["State"] == "ok", True, check)
        text = node.text("doctor")
        self.assertRegex(text, r"(?m)^warning  peers         nobody is connected, and there is no bootstrap list$")
        self.assertRegex(text, r"(?m)^ {23}-> Connect to somebody ")
        self.assertRegex(text, r"\n\d problems, \d+ warnings?\Z")
        self.assertLessEqual(max(map(len, text.splitlines())), 100)

    def test_the_doctor_sees_a_node_that_listens_nowhere_and_one_that_is_offline(self):
        node = self.made()
        node.ok("config", "--json", "Addresses.Swarm", "[]")
        node.start()
        self.assertIn("nobody can call this node", node.text("doctor"))
        node.stop()
        node.start("--offline")
        self.assertRegex(node.text("doctor"), r"(?m)^warning  network       the node runs offline$")
        node.stop()
        self.assertIn("daemon", node.fails("doctor"))

    def test_diag_cmds_shows_what_runs_and_ran(self):
        node = self.started()
        missing = node.text("add", "-nQ", stdin=b"nobody has this")
        cat = node.background("cat", missing, "--offset=2")
        self.addCleanup(cat.stop)
        [running] = wait_until(lambda: [one for one in node.json("diag", "cmds") if one["Command"] == "cat"], what="the command")
        self.assertEqual((running["Active"], running["Args"], running["Options"]["offset"]), (True, [missing], "2"))
        text = node.text("diag", "cmds", "-v")
        self.assertRegex(text, r"\AID +Command +Arguments +Options +Active +StartTime +RunTime\n")
        self.assertRegex(text, rf"\d+ +cat +\[{missing}\] +\[.*offset=2,.*\] +true +20")
        node.ok("diag", "cmds", "clear")
        self.assertEqual([one["Command"] for one in node.json("diag", "cmds")], ["cat", "diag/cmds/clear", "diag/cmds"])
        node.ok("diag", "cmds", "set-time", "0s")
        self.assertEqual([one["Command"] for one in node.json("diag", "cmds")], ["cat", "diag/cmds"])
        self.assertIn("nonsense", node.fails("diag", "cmds", "set-time", "nonsense"))

    def test_diag_sys_and_healthy(self):
        node = self.started()
        system = node.json("diag", "sys")
        self.assertEqual(system["runtime"]["os"], "linux")
        self.assertGreater(system["runtime"]["numcpu"], 0)
        self.assertGreater(system["memory"]["resident"], 1_000_000)
        self.assertGreater(system["diskinfo"]["free_space"], 0)
        self.assertNotEqual(system["diskinfo"]["fstype"], "")
        self.assertIn("/ip4/127.0.0.1", system["net"]["interface_addresses"])
        self.assertTrue(system["net"]["online"])
        self.assertFalse(self.made("idle").json("diag", "sys")["net"]["online"])
        self.assertEqual(node.text("diag", "healthy"), "ok")
        node.stop()
        self.assertIn("daemon", node.fails("diag", "healthy"))

    def test_who_asks_the_dht_alone_is_told_what_to_do(self):
        node = self.started()
        cid = node.text("add", "-Q", stdin=b"mine")
        for words in (["routing", "findpeer", "12D3KooWREQGVTFhgjxJUnZ8sRRPpUGrUfHzmg2NpqDd4qnx1vnq"], ["routing", "provide", cid]):
            with self.subTest(words):
                error = node.fails(*words)
                self.assertIn("swarm connect", error)
                self.assertIn("kith doctor", error)
