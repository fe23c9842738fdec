"""What a person sees and sets of how the DHTs are told of what is here."""

from program import Case, wait_until


class Providing(Case):
    def lan(self, node):
        return node.json("provide", "stat", "--lan")["Sweep"]

    def two(self, **settings):
        first, second = self.made("first"), self.made("second")
        for key, value in settings.items():
            first.ok("config", "--json", key.replace("_", "."), value)
        first.start()
        second.start()
        first.connect(second)
        wait_until(lambda: self.lan(first)["connectivity"]["status"] == "online", what="a peer of the local DHT")
        return first, second

    def told(self, node):
        return self.lan(node)["operations"]["past"]["keys_provided"]

    def test_what_is_added_is_told_of_and_told_again_when_asked(self):
        first, second = self.two()
        cid = first.text("add", "-Q", stdin=b"to be found")
        wait_until(lambda: self.told(first) == 1, what="the first announcement")
        self.assertIn(first.id, second.text("routing", "findprovs", "-n", "1", cid))
        stats = self.lan(first)
        self.assertEqual(stats["schedule"]["keys"], 1)
        self.assertEqual(stats["queues"], {"pending_key_provides": 0, "pending_region_provides": 0, "pending_region_reprovides": 0})
        self.assertRegex(stats["schedule"]["next_reprovide_at"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(stats["timing"]["reprovides_interval"], 22 * 3600 * 10**9)
        self.assertEqual(stats["operations"]["past"]["records_provided"], 1)
        self.assertEqual(first.text("routing", "reprovide"), "")
        wait_until(lambda: self.told(first) == 2, what="the second announcement")
        stats = self.lan(first)
        self.assertEqual(stats["network"]["avg_holders"], 1)
        self.assertEqual(stats["operations"]["past"]["regions_reprovided_last_cycle"], 1)

    def test_stat_for_people(self):
        first, _ = self.two()
        cid = first.text("add", "-Q", stdin=b"to be found")
        wait_until(lambda: self.told(first) == 1, what="the first announcement")
        text = first.text("provide", "stat", "--lan")
        self.assertRegex(text, r"(?m)^CIDs scheduled: +1$")
        self.assertNotIn("Nobody", text)
        every = first.text("provide", "stat", "--lan", "--all")
        for title in ("Connectivity", "Queues", "Schedule", "Timings", "Network", "Operations", "Workers"):
            self.assertRegex(every, rf"(?m)^{title}:$")
        columns = first.text("provide", "stat", "--lan", "--all", "--compact")
        self.assertLess(len(columns.splitlines()), len(every.splitlines()))
        self.assertIn("--compact requires --all", first.fails("provide", "stat", "--compact"))
        self.assertRegex(first.text("provide", "stat", "--lan", "--workers"), r"\AActive workers: ")
        # The wide network has nobody in it, and that is said with what to do about it.
        wide = first.text("provide", "stat")
        self.assertRegex(wide, r"(?m)^Status: +offline ")
        self.assertIn("kith swarm connect", wide)

    def test_clear_forgets_only_what_nobody_was_told_of(self):
        node = self.started()
        node.text("add", "-Q", stdin=b"nobody is there to be told")
        wait_until(lambda: self.lan(node)["schedule"]["keys"] == 1, what="the content")
        self.assertEqual(node.text("provide", "clear"), "removed 1 items from provide queue")
        self.assertEqual(self.lan(node)["schedule"]["keys"], 0)
        self.assertEqual(node.json("provide", "clear"), 0)
        self.assertEqual(node.text("provide", "clear", "-q"), "")
        first, _ = self.two()
        first.text("add", "-Q", stdin=b"somebody is")
        wait_until(lambda: self.told(first) == 1, what="the announcement")
        # The wide network, where there is nobody, is not told of it any more; the local one is.
        self.assertEqual(first.json("provide", "clear"), 1)
        self.assertEqual(self.lan(first)["schedule"]["keys"], 1)
        self.assertEqual(first.json("provide", "stat")["Sweep"]["schedule"]["keys"], 0)

    def test_providing_can_be_switched_off(self):
        node = self.made()
        node.ok("config", "--json", "Provide.Enabled", "false")
        node.start()
        cid = node.text("add", "-Q", stdin=b"mine")
        for words in (["provide", "stat"], ["provide", "clear"], ["routing", "reprovide"], ["routing", "provide", cid]):
            with self.subTest(words):
                self.assertIn("Provide.Enabled", node.fails(*words))

    def test_content_is_told_of_once_where_the_interval_is_zero(self):
        first, second = self.two(Provide_Enabled="true", Provide_DHT_Interval='"0"')
        cid = first.text("add", "-Q", stdin=b"once")
        wait_until(lambda: self.told(first) == 1, what="the announcement")
        self.assertIn(first.id, second.text("routing", "findprovs", "-n", "1", cid))
        self.assertEqual(self.lan(first)["schedule"]["keys"], 0)
        self.assertIn("Provide.DHT.Interval", first.fails("routing", "reprovide"))

    def test_settings_that_make_no_sense_are_refused(self):
        node = self.made()
        self.assertIn("Provide.Enabled", node.fails("config", "Provide.DHT.Interval", "0"))
        self.assertIn("Provide.Strategy", node.fails("config", "Provide.Strategy", "sometimes"))
