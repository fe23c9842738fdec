"""What the daemon's RPC says of its answers, as programs that know Kubo's read it."""

import http.client
import json

from program import Case


class Answers(Case):
    def ask(self, node, path, method="POST", **options):
        """The answer to a call, with its whole body in `text`."""
        _, _, host, _, port = (node.home / "api").read_text().split("/")
        connection = http.client.HTTPConnection(host, int(port), timeout=30)
        self.addCleanup(connection.close)
        connection.request(method, path, **options)
        answer = connection.getresponse()
        answer.text = answer.read()
        return answer

    def test_values_that_come_one_by_one_are_marked(self):
        node = self.started()
        cid = node.add(self.write("d/a.txt", b"a").parent)
        self.assertEqual(self.ask(node, f"/api/v0/ls?arg={cid}&stream=true").headers["X-Chunked-Output"], "1")
        self.assertIsNone(self.ask(node, f"/api/v0/ls?arg={cid}").headers["X-Chunked-Output"])
        part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nx\r\n--b--\r\n'
        put = self.ask(node, "/api/v0/block/put", body=part, headers={"Content-Type": "multipart/form-data; boundary=b"})
        self.assertEqual((put.status, put.headers["X-Chunked-Output"]), (200, "1"))

    def test_add_refuses_a_name_that_comes_twice_and_can_be_silent(self):
        node = self.started()
        head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        kind = {"Content-Type": "multipart/form-data; boundary=b"}
        twice = head + b"one\r\n" + head + b"two\r\n--b--\r\n"
        answer = self.ask(node, "/api/v0/add?wrap-with-directory=true", body=twice, headers=kind)
        # The reason stands in a trailer; what a success would end with, the root, isn't there.
        self.assertEqual([json.loads(line)["Name"] for line in answer.text.splitlines()], ["a.txt"])
        once = head + b"one\r\n--b--\r\n"
        answer = self.ask(node, "/api/v0/add?silent=true", body=once, headers=kind)
        self.assertEqual((answer.status, answer.text), (200, b""))

    def test_get_announces_the_size_of_a_file(self):
        node = self.started()
        content = bytes(600_000)
        for flags in (["--raw-leaves=false"], ["--raw-leaves=false", "--chunker=size-100000"], []):
            cid = node.add(self.write("file", content), *flags)
            for options in ("", "&archive=true"):
                with self.subTest(flags=flags, options=options):
                    answer = self.ask(node, f"/api/v0/get?arg={cid}{options}")
                    self.assertEqual(answer.headers["X-Content-Length"], str(len(content)))
        packed = self.ask(node, f"/api/v0/get?arg={cid}&compress=true")
        self.assertIsNone(packed.headers["X-Content-Length"])

    def test_the_prefix_is_the_rpcs_without_its_slash_too(self):
        node = self.started()
        self.assertEqual(self.ask(node, "/api/v0").status, 404)
        got = self.ask(node, "/api/v0", "GET")
        self.assertEqual((got.status, got.headers["Allow"]), (405, "OPTIONS, POST"))

    def test_commands_are_listed(self):
        node = self.started()
        answer = json.loads(self.ask(node, "/api/v0/commands").text)
        names = {command["Name"] for command in answer["Subcommands"]}
        self.assertLessEqual({"add", "block", "cat", "id", "swarm"}, names)
        self.assertIn("kith block get", node.text("commands").splitlines())
        self.assertNotIn("kith block", node.text("commands").splitlines())
        self.assertIn("kith cat --offset / kith cat -o", node.text("commands", "--flags").splitlines())
