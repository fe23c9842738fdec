"""Words in, text and exit codes out."""

import http.server
import json
import os
import signal
import subprocess
import threading
import unittest

from harness.process import Process
from program import Case, Screen, wait_until

ODD_NAMES = ["with space", "umläut-ß-日本語", "per%cent+plus&and#hash?", ".hidden", "-dash", "a" * 255, "tab\there",
             "new\nline", "quote'\"", "back\\slash", "*", "\x1b[31mred", "emoji-\U0001f4be"]

CTRL_C, CTRL_D = "\x03", "\x04"


class Words(Case):
    def test_help_of_every_command(self):
        node = self.node()
        commands = node.text("commands").splitlines()
        self.assertGreater(len(commands), 45)
        for line in commands:
            words = line.split()[1:]
            with self.subTest(" ".join(words)):
                text = node.text(*words, "--help")
                self.assertTrue(text.startswith(f"USAGE\n  {line}"), text)
                self.assertLessEqual(max(map(len, text.splitlines()[2:]), default=0), 100)
                self.assertEqual(node.text(*words, "-h") if words != ["add"] else text, text)

    def test_the_commands_of_the_first_slice_are_there(self):
        have = {line.partition(" ")[2] for line in self.node().text("commands").splitlines()}
        self.assertLessEqual(set("""init,daemon,shutdown,id,add,cat,get,ls,refs,block get,block put,block stat,block rm,
            dag get,dag put,dag stat,dag resolve,dag import,dag export,swarm connect,swarm disconnect,swarm peers,swarm addrs,
            ping,bootstrap,config,repo stat,repo verify,stats bw,stats bitswap,version,perf""".replace("\n", "").replace(
            "            ", "").split(",")), have)

    def test_help_of_all_and_of_groups(self):
        node = self.node()
        everything = node.text("--help")
        self.assertEqual(node.text(), everything)
        for word in ("daemon", "add", "get", "swarm", "--offline"):
            self.assertIn(word, everything)
        self.assertIn("stat", node.text("block"))
        self.assertEqual(node.text("swarm", "--help"), node.text("swarm"))
        self.assertIn("\nSUBCOMMANDS\n  edit ", node.text("config", "--help"))
        self.assertIn("\n  config ... ", everything)

    def test_wrong_words_are_named(self):
        node = self.made()
        for words, told in ((["nosuch"], 'unknown command "nosuch"'), (["catt"], 'did you mean "cat"'),
                            (["block", "nosuch"], "nosuch"), (["cat", "--nosuch", "x"], 'unknown option "nosuch"'),
                            (["cat"], 'argument "path" is required'), (["add", "nowhere"], "nowhere"),
                            (["add", str(self.folder)], "use the '-r' flag"),
                            (["cat", "--offset=x", "bafkqaaa"], "offset"), (["cat", "--offset=-1", "bafkqaaa"], "negative"),
                            (["cat", "notacid"], 'invalid path "notacid"'), (["block", "stat", "x", "y"], "at most 1"),
                            (["add", "--chunker=nonsense", "-q", "-"], "chunker"), (["add", "--cid-version=2", "-"], "cid-version"),
                            (["cat", "--api=nonsense", "bafkqaaa"], "nonsense"), (["config", "No.Such"], "No.Such"),
                            (["id", "--peerid-base=xx"], '"xx" is no multibase'), (["cat", "/ipns/example.com"], "not /ipns")):
            with self.subTest(words):
                error = node.fails(*words)
                self.assertIn(told, error)
                self.assertTrue(error.startswith("Error: "))
                self.assertEqual(error.count("\n"), 1, error)

    def test_a_profile_prints_what_it_changes(self):
        node = self.made()
        node.ok("config", "--json", "Discovery.MDNS.Enabled", "true")
        for flags in (["--dry-run"], []):
            with self.subTest(flags):
                self.assertEqual(node.text("config", "profile", "apply", "test", *flags),
                                 '<> "Discovery.MDNS.Enabled": true -> false')
        self.assertEqual(node.text("config", "profile", "apply", "test"), "no changes")

    def test_options_stand_anywhere_and_end_at_two_dashes(self):
        node = self.made()
        path = self.write("-Q", b"dash\n")
        cid = node.text("add", "-Q", path)
        for words in (["cat", cid, "--length=2"], ["cat", "--length", "2", cid], ["--offline", "cat", "-l", "2", "--", cid]):
            with self.subTest(words):
                self.assertEqual(node.ok(*words), b"da")
        self.assertIn(f"added {cid} -Q", node.text("add", "--", "-Q", cwd=self.folder))

    def test_an_api_address_that_is_none_is_refused(self):
        node = self.made()
        for api in ("http://127.0.0.1:1abc", "http://127.0.0.1:", "http://127.0.0.1:0", "http://127.0.0.1:65537", "http://[::1",
                    "http://[::1]1", "http://[here]:1", "http://:1", "http://"):
            with self.subTest(api):
                self.assertIn(f'API address "{api}"', node.fails(f"--api={api}", "id"))
        for api, told in (("http://[::1]:1", "::1"), ("http://127.0.0.1:1/", "127.0.0.1:1")):
            with self.subTest(api):
                self.assertIn(f"{told}", node.fails(f"--api={api}", "id"))

    def test_an_unreachable_api_says_what_to_try(self):
        error = self.made().fails("--api=/ip4/127.0.0.1/tcp/1", "id")
        self.assertIn("127.0.0.1:1", error)
        self.assertIn("is the daemon running?", error)


class DaemonStops(Case):
    """The daemon ends while a command waits for it."""

    def assert_told(self, error):
        self.assertRegex(error, r"(?m)^Error: the daemon at 127\.0\.0\.1:\d+ ended before the command did \([^()]+\): "
                                r"start it again with `kith daemon`, and repeat the command\n\Z")

    def waiting_command(self, node):
        missing = node.text("add", "-nQ", stdin=b"nobody has this")
        cat = node.background("cat", missing)
        self.addCleanup(cat.stop)
        wait_until(lambda: missing in node.text("bitswap", "wantlist"), what="a wish for the block")
        return cat

    def test_a_command_whose_daemon_is_killed_says_so(self):
        node = self.started()
        cat = self.waiting_command(node)
        node.stop(signal.SIGKILL)
        self.assertEqual(cat.wait(10), 1)
        self.assert_told(cat.log())

    def test_a_command_that_waits_for_an_answer_says_so(self):
        node = self.started()
        cat = self.waiting_command(node)
        daemon = node.daemon
        self.assertEqual(node.stop()[0], 0)
        self.assertEqual(cat.wait(10), 1)
        self.assert_told(cat.log())
        self.assertNotIn("cancelled", daemon.log())

    def test_a_command_that_has_a_part_of_the_answer_says_so(self):
        node = self.started()
        cid = node.add(self.write("big", os.urandom(40_000_000)))
        reading, writing = os.pipe()
        with os.fdopen(writing, "wb") as sink:
            cat = Process(node.command("cat", cid), env=node.env, stdout=sink)
        self.addCleanup(cat.stop, 9)
        with os.fdopen(reading, "rb") as content:
            self.assertEqual(len(content.read(1000)), 1000)
            self.assertEqual(node.stop()[0], 0)
            content.read()
        self.assertEqual(cat.wait(10), 1)
        self.assert_told(cat.log())

    def test_an_upload_that_is_cut_off_says_so(self):
        node = self.started()
        add = subprocess.Popen(node.command("add", "-Q", "-"), env=node.env, stdin=subprocess.PIPE,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(add.kill)
        # More than a pipe holds: when it is written, the command is at work.
        add.stdin.write(bytes(8 << 20))
        add.stdin.flush()
        self.assertEqual(node.stop()[0], 0)
        _, error = add.communicate(timeout=10)
        self.assertEqual(add.returncode, 1)
        self.assert_told(error.decode())


class FickleDaemon(http.server.BaseHTTPRequestHandler):
    """Answers `version` alone: of everything else it gives the beginning, and closes the connection."""

    def do_POST(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}" if self.path.startswith("/api/v0/version") else b"{")
        self.close_connection = True

    def log_message(self, *_):
        pass


class DaemonGoesOn(Case):
    def test_a_command_whose_answer_is_cut_off_says_that_the_daemon_runs(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), FickleDaemon)
        self.addCleanup(server.server_close)
        threading.Thread(target=server.serve_forever).start()
        self.addCleanup(server.shutdown)
        error = self.made().fails(f"--api=/ip4/127.0.0.1/tcp/{server.server_port}", "id")
        self.assertRegex(error, rf"\AError: the daemon at 127\.0\.0\.1:{server.server_port} closed the connection in the "
                                r"middle of its answer \([^()]+\), but still runs: repeat the command\n\Z")


class Output(Case):
    def setUp(self):
        super().setUp()
        self.subject = self.started()
        self.write("d/a.txt", b"aaa")
        self.write("d/sub/b.txt", b"b")

    def test_enc_json_is_a_line_of_json_for_each_value(self):
        node = self.subject
        lines = [json.loads(line) for line in node.text("add", "-r", "--enc=json", self.folder / "d").splitlines()]
        self.assertEqual([line["Name"] for line in lines], ["d/a.txt", "d/sub/b.txt", "d/sub", "d"])
        self.assertEqual(lines[0]["Size"], "3")
        cid = lines[-1]["Hash"]
        links = node.json("ls", cid)["Objects"][0]["Links"]
        self.assertEqual([(link["Name"], link["Size"], link["Type"]) for link in links], [("a.txt", 3, 2), ("sub", 0, 1)])
        self.assertEqual([json.loads(line)["Err"] for line in node.text("refs", "-r", "--enc=json", cid).splitlines()], ["", "", ""])
        self.assertEqual(node.json("block", "stat", cid)["Key"], cid)
        self.assertEqual(node.json("version")["System"].partition("/")[2], "linux")
        self.assertEqual(node.json("dag", "stat", "--progress=false", cid)["UniqueBlocks"], 4)
        self.assertEqual(node.json("swarm", "peers"), {"Peers": []})
        self.assertEqual(node.json("bootstrap"), {"Peers": []})

    def test_quiet_flags_of_add(self):
        node = self.subject
        every = node.text("add", "-r", "-q", self.folder / "d").splitlines()
        self.assertEqual(len(every), 4)
        self.assertEqual(node.text("add", "-r", "-Q", self.folder / "d"), every[-1])
        self.assertEqual(node.text("add", "-r", "--silent", self.folder / "d"), "")
        self.assertEqual(node.text("get", "-q", "-o", self.folder / "out", every[-1]), "")

    def test_a_reader_that_leaves_ends_a_command_without_a_word(self):
        node = self.subject
        cid = node.add(self.write("big", os.urandom(20_000_000)))
        reading, writing = os.pipe()
        with os.fdopen(writing, "wb") as sink:
            cat = Process(node.command("cat", cid), env=node.env, stdout=sink)
        self.addCleanup(cat.stop)
        self.assertEqual(len(os.read(reading, 1000)), 1000)
        os.close(reading)
        self.assertEqual(cat.wait(10), 1)
        self.assertEqual(cat.log(), "")

    def test_names_that_move_the_cursor_are_shown_harmless(self):
        node = self.subject
        name = "evil\x1b[2Jname\nx"
        self.write(f"n/{name}", b"")
        shown = node.text("add", "-r", self.folder / "n") + node.text("ls", node.add(self.folder / "n"))
        self.assertNotIn("\x1b", shown)
        self.assertIn("evil\\x1b[2Jname\\nx", shown)

    def test_refs_to_a_depth_list_each_link_that_is_as_near(self):
        node = self.subject

        def link_to(**links):
            data = json.dumps({name: {"/": cid} for name, cid in links.items()}).encode()
            return node.text("dag", "put", "--input-codec=dag-json", stdin=data)

        leaf = node.text("add", "-Q", self.write("leaf", b"leaf"))
        x = link_to(l=leaf)
        a = link_to(l=x)
        root = link_to(a=a, x=x)  # x is met first two links below, at the end, and then one below
        refs = ["refs", "-r", "--max-depth=2", root]
        self.assertEqual(node.text(*refs).split(), [a, x, x, leaf])
        self.assertEqual(node.text(*refs, "-u").split(), [a, x, leaf])
        self.assertEqual(node.text("refs", "-r", "-u", "--max-depth=1", root).split(), [a, x])
        self.assertEqual(node.text("refs", "-r", "-u", root).split(), [a, x, leaf])
        self.assertEqual(node.text("refs", "-r", "-u", "--max-depth=2", a, root).split(), [x, leaf, a])


class Input(Case):
    def test_add_reads_standard_input(self):
        node = self.started()
        cid = node.text("add", "-Q", stdin=b"from a pipe\n")
        self.assertEqual(node.text("add", "-Q", "-", stdin=b"from a pipe\n"), cid)
        self.assertEqual(node.text("cat", cid), "from a pipe")
        wrapped = node.text("add", "-Q", "-w", "--stdin-name=note.txt", stdin=b"from a pipe\n")
        self.assertIn("note.txt", node.text("ls", wrapped))

    def test_cids_may_come_from_standard_input_a_line_each(self):
        node = self.started()
        one, two = (node.text("add", "-Q", stdin=text) for text in (b"1\n", b"2\n"))
        self.assertEqual(node.text("cat", stdin=f"{one}\n{two}\n".encode()), "1\n2")

    def test_two_thousand_cids_are_not_too_many(self):
        node = self.started()
        content = os.urandom(2000 * 32)
        root = node.text("add", "-Q", "--chunker=size-32", stdin=content)
        inner = node.text("refs", root).split()
        leaves = [leaf for one in inner for leaf in node.text("refs", one).split()]
        self.assertEqual(len(leaves), 2000)

        def with_all(*words):
            done = node.run(*words, *leaves)
            self.assertEqual((done.returncode, done.stderr[-500:]), (0, b""))
            return done.stdout

        self.assertEqual(with_all("cat"), content)
        self.assertEqual(with_all("refs", root, *inner).decode().split(), [*inner, *leaves])
        self.assertIn(b"Total Size: 64000", with_all("dag", "stat", "--progress=false"))
        self.assertEqual(with_all("block", "rm", "-q", "-f"), b"")
        self.assertEqual(len(node.text("refs", "local").split()), len([root, *inner]))

    def test_block_and_dag_put_read_standard_input(self):
        node = self.started()
        cid = node.text("block", "put", stdin=b"raw bytes")
        self.assertEqual(node.ok("block", "get", cid), b"raw bytes")
        cid = node.text("dag", "put", stdin=b'{"a":[1,2]}')
        self.assertEqual(json.loads(node.text("dag", "get", f"{cid}/a")), [1, 2])

    def test_symlinks_and_pipes_are_read_where_bytes_are_wanted(self):
        node = self.started()
        path = self.write("bytes", b"raw bytes")
        cid = node.text("block", "put", path)
        (self.folder / "link").symlink_to(path)
        self.assertEqual(node.text("block", "put", self.folder / "link"), cid)
        self.assertEqual(node.text("block", "put", "/dev/stdin", stdin=b"raw bytes"), cid)
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        for words in (("block", "put"), ("add", "-Q")):
            with self.subTest(words[0]):
                writer = subprocess.Popen(["sh", "-c", f"printf 'raw bytes' > '{pipe}'"])
                self.assertEqual(node.ok("cat", node.text(*words, pipe)), b"raw bytes")
                self.assertEqual(writer.wait(), 0)
        self.assertIn("nor a pipe", node.fails("block", "put", "/dev/null"))

    def test_two_arguments_of_one_name_are_one_too_many(self):
        node = self.started()
        one, two = self.write("d/a.txt", b"one"), self.write("e/a.txt", b"two")
        error = node.fails("add", "-w", one, two)
        self.assertIn(f"file name a.txt repeated under different import directories: {two.parent} and {one.parent}", error)
        again = node.text("add", "-w", one, one).splitlines()
        self.assertEqual(len(again), 2, again)

    def test_refs_takes_one_format(self):
        node = self.made()
        cid = node.add(self.write("x", b"x"))
        self.assertIn("not allowed", node.fails("refs", "-e", "--format=<src>", cid))

    def test_unusual_names_survive_the_way_there_and_back(self):
        for daemon in (False, True):
            with self.subTest(daemon=daemon):
                node = self.started(f"home-{daemon}") if daemon else self.made(f"home-{daemon}")
                for name in ODD_NAMES:
                    self.write(f"odd/{name}", name.encode())
                cid = node.add(self.folder / "odd", "--hidden")
                out = self.folder / f"out-{daemon}"
                node.ok("get", "-o", out, cid)
                self.assertEqual({path.name: path.read_bytes().decode() for path in out.iterdir()},
                                 {name: name for name in ODD_NAMES})
                for name in ("with space", "per%cent+plus&and#hash?", "umläut-ß-日本語"):
                    self.assertEqual(node.text("cat", f"{cid}/{name}"), name)

    def test_names_that_are_no_text_survive_too(self):
        names = [b"\xff\xfe", b"caf\xe9.txt", b"half \xe6\x97", b"\xed\xa0\x80"]
        for daemon in (False, True):
            with self.subTest(daemon=daemon):
                node = self.started(f"home-{daemon}") if daemon else self.made(f"home-{daemon}")
                raw = os.fsencode(self.folder / "raw")
                os.makedirs(raw + b"/d\xff", exist_ok=True)
                for name in names:
                    for folder in (raw, raw + b"/d\xff"):
                        with open(folder + b"/" + name, "wb") as file:
                            file.write(name)
                added = node.text("add", "-r", self.folder / "raw").splitlines()
                self.assertEqual(len(added), 10)
                cid = added[-1].split()[1]
                self.assertIn("caf\ufffd.txt" if daemon else "caf\\xe9.txt", node.text("ls", cid))
                self.assertEqual(len(node.json("ls", cid)["Objects"][0]["Links"]), 5)
                links = node.text("refs", "-r", "--format=<linkname>", cid).splitlines()
                self.assertEqual(len(links), 9)
                self.assertEqual(node.ok("cat", os.fsencode(cid) + b"/caf\xe9.txt"), b"caf\xe9.txt")
                self.assertIn("no link named", node.fails("cat", os.fsencode(cid) + b"/\xfe"))
                out = self.folder / f"out-{daemon}"
                node.ok("get", "-o", out, cid)
                for folder in (os.fsencode(out), os.fsencode(out) + b"/d\xff"):
                    self.assertLessEqual(set(names), set(os.listdir(folder)))
                    for name in names:
                        with open(folder + b"/" + name, "rb") as file:
                            self.assertEqual(file.read(), name)

    def test_symlinks_and_hidden_files(self):
        node = self.started()
        self.write("l/target.txt", b"t")
        self.write("l/.secret", b"s")
        (self.folder / "l/link").symlink_to("target.txt")
        (self.folder / "l/broken").symlink_to("/no/such/place")
        plain = node.add(self.folder / "l")
        self.assertNotIn(".secret", node.text("ls", plain))
        out = self.folder / "out"
        node.ok("get", "-o", out, node.add(self.folder / "l", "--hidden"))
        self.assertEqual(os.readlink(out / "link"), "target.txt")
        self.assertEqual(os.readlink(out / "broken"), "/no/such/place")
        self.assertEqual((out / ".secret").read_bytes(), b"s")

    def test_mode_and_time_are_kept_if_that_is_wanted(self):
        node = self.started()
        path = self.write("m/tool.sh", b"#!/bin/sh\n")
        path.chmod(0o750)
        os.utime(path, (1_000_000_000, 1_000_000_000))
        cid = node.add(self.folder / "m", "--preserve-mode", "--preserve-mtime")
        node.ok("get", "-o", self.folder / "out", cid)
        got = (self.folder / "out/tool.sh").stat()
        self.assertEqual((got.st_mode & 0o777, int(got.st_mtime)), (0o750, 1_000_000_000))
        self.assertRegex(node.text("ls", "-l", cid), r"(?m)^-rwxr-x--- \S+ 10 +Sep 09  2001 tool\.sh$")


class OnATerminal(Case):
    def screen(self, node, *arguments, **options):
        screen = Screen(node, *arguments, **options)
        self.addCleanup(screen.close)
        return screen

    def test_add_and_get_draw_a_bar_with_bytes_rate_and_time_left(self):
        node = self.started()
        path = self.write("big", os.urandom(120_000_000))
        with node.held():
            adding = self.screen(node, "add", str(path))
        adding.wait_for(r"\d+\.\d+ MiB / 114\.44 MiB \[=*>? *\] \d+\.\d% \d+\.\d+ MiB/s \d\S*s")
        self.assertEqual(adding.finish(), 0)
        cid = adding.wait_for(r"added (\S+) big").group(1)
        getting = self.screen(node, "get", "-o", str(self.folder / "out"), cid)
        self.assertEqual(getting.finish(), 0)
        getting.wait_for(r"114\.\d+ MiB / 114\.\d+ MiB \[=+\] 100\.0% ")
        self.assertEqual((self.folder / "out").read_bytes(), path.read_bytes())

    def test_progress_fits_a_narrow_terminal_and_can_be_turned_off(self):
        node = self.started()
        path = self.write("name-that-is-long-" + "x" * 60, os.urandom(30_000_000))
        narrow = self.screen(node, "add", str(path), columns=40)
        self.assertEqual(narrow.finish(), 0)
        drawn = [line for line in narrow.text.replace("\r", "\n").replace("\x1b[K", "").split("\n") if "/s" in line]
        self.assertLess(max(map(len, drawn), default=0), 40)
        quiet = self.screen(node, "add", "--progress=false", str(path))
        self.assertEqual(quiet.finish(), 0)
        self.assertNotIn("MiB", quiet.text)

    def test_who_wants_quiet_sees_no_bar(self):
        node = self.started()
        path = self.write("big", os.urandom(60_000_000))
        for flag in ("-q", "-Q", "--silent"):
            with self.subTest(flag):
                quiet = self.screen(node, "add", flag, str(path))
                self.assertEqual(quiet.finish(), 0)
                self.assertNotIn("MiB", quiet.text)
                self.assertNotIn("\x1b", quiet.text)
        with node.held():
            asked = self.screen(node, "add", "-q", "--progress", str(path))
        self.assertEqual(asked.finish(), 0)
        self.assertIn("MiB", asked.text)

    def test_cat_and_dag_export_draw_a_bar_with_the_peers(self):
        first = self.started("first")
        cid = first.add(self.write("big", os.urandom(200_000_000)))
        for words in (["cat", cid], ["dag", "export", cid]):
            with self.subTest(words[0]):
                second = self.started(words[0])
                first.connect(second)
                reading, writing = os.pipe()
                screen = Screen(second, *words, stdout=writing)
                self.addCleanup(screen.close)
                os.close(writing)
                size = 0
                # As slowly as it takes until a peer is counted.
                with os.fdopen(reading, "rb", buffering=0) as content:
                    while part := content.read(65536):
                        size += len(part)
                        screen.read(0.002 if "1 peer" not in screen.text else 0)
                self.assertEqual(screen.finish(), 0)
                self.assertGreaterEqual(size, 200_000_000)
                self.assertRegex(screen.text, r"\d+\.\d+ MiB .*MiB/s.*  1 peer")

    def test_dag_import_draws_a_bar(self):
        node = self.started()
        cid = node.add(self.write("big", os.urandom(120_000_000)))
        archive = self.write("big.car", node.ok("dag", "export", cid))
        other = self.started("other")
        with other.held():
            importing = self.screen(other, "dag", "import", str(archive))
        importing.wait_for(r"\d+\.\d+ MiB / 114\.\d+ MiB \[=*>? *\] \d+\.\d% \d+\.\d+ MiB/s \d\S*s")
        self.assertEqual(importing.finish(), 0)
        self.assertIn(f"Pinned root\t{cid}\tsuccess", importing.text)

    def test_no_bar_where_no_terminal_is(self):
        node = self.started()
        done = node.run("add", self.write("big", os.urandom(10_000_000)))
        self.assertEqual(done.stderr, b"")

    def test_ctrl_c_ends_a_command_with_130_and_the_daemon_forgets_its_wish(self):
        node = self.started()
        missing = node.text("add", "-nQ", stdin=b"nobody has this")
        waiting = self.screen(node, "get", "-o", str(self.folder / "out"), missing)
        wait_until(lambda: missing in node.text("bitswap", "wantlist"), what="a wish for the block")
        waiting.process.send_signal(2)
        self.assertEqual(waiting.finish(), 130)
        self.assertNotIn("Error", waiting.text)
        wait_until(lambda: node.text("bitswap", "wantlist") == "", what="an empty wantlist")
        self.assertEqual(node.json("stats", "transfers"), {"Transfers": []})

    def test_ctrl_c_ends_a_command_that_waits_for_what_is_typed(self):
        for node in (self.made("without"), self.started("with")):
            for words in (["add"], ["add", "-"], ["cat"], ["block", "put"], ["dag", "put"], ["dag", "import"], ["ls"]):
                with self.subTest(words, home=node.home.name):
                    waiting = self.screen(node, *words)
                    waiting.wait_for("Ctrl-D ends")
                    waiting.type("a line\nand a part of one")
                    waiting.type(CTRL_C)
                    self.assertEqual(waiting.finish(10), 130)
                    self.assertNotIn("Error", waiting.text)

    def test_what_is_typed_is_taken(self):
        node = self.made()
        cid = node.text("add", "-nQ", stdin=b"typed\n")
        adding = self.screen(node, "add", "-Q", "--progress=false")
        adding.wait_for("Ctrl-D ends")
        adding.type(f"typed\n{CTRL_D}")
        self.assertEqual(adding.finish(), 0)
        self.assertIn(cid, adding.text)

    def test_signals_end_a_command_whose_reader_has_stopped(self):
        node = self.started()
        cid = node.add(self.write("big", os.urandom(20_000_000)))
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        with os.fdopen(writing, "wb") as sink:
            cat = Process(node.command("cat", cid), env=node.env, stdout=sink)
        self.addCleanup(cat.stop, 9)
        self.assertEqual(len(os.read(reading, 1000)), 1000)

        # The first may come while a part has been written; then the second ends it.
        cat.popen.send_signal(2)
        try:
            cat.wait(5)
        except subprocess.TimeoutExpired:
            cat.popen.send_signal(2)
        self.assertEqual(cat.wait(10), 130)
        self.assertEqual(cat.log(), "")


if __name__ == "__main__":
    unittest.main()
