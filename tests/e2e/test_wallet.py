"""Accounts and signatures without a chain: kith wallet. None of it needs a daemon, or a node in the home."""

import json
import stat
import unittest
from pathlib import Path

from program import Case, Screen

# What every development chain has its accounts of.
JUNK = "test test test test test test test test test test test junk"
JUNK_ACCOUNTS = ["0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"]
# EIP-712's example: Keccak-256 of "cow", and what it signs.
COW = "c85ef7d79691fe79573b1a7064c19c1a9819ebdbd1faaab1a8ec92344438aaf4"
COW_ADDRESS = "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"
MAIL = {
    "types": {
        "EIP712Domain": [{"name": "name", "type": "string"}, {"name": "version", "type": "string"},
                         {"name": "chainId", "type": "uint256"}, {"name": "verifyingContract", "type": "address"}],
        "Person": [{"name": "name", "type": "string"}, {"name": "wallet", "type": "address"}],
        "Mail": [{"name": "from", "type": "Person"}, {"name": "to", "type": "Person"}, {"name": "contents", "type": "string"}]},
    "primaryType": "Mail",
    "domain": {"name": "Ether Mail", "version": "1", "chainId": 1,
               "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC"},
    "message": {"from": {"name": "Cow", "wallet": COW_ADDRESS},
                "to": {"name": "Bob", "wallet": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"}, "contents": "Hello, Bob!"}}
MAIL_SIGNATURE = ("0x4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d"
                  "07299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b915621c")
# EIP-155's example.
FORTY_SIX = "46" * 32
PAYMENT = {"nonce": 9, "gasPrice": "20000000000", "gas": 21000, "to": "0x" + "35" * 20, "value": "1000000000000000000",
           "chainId": 1}
PAYMENT_RAW = ("0xf86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939bc21"
               "95fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83")
PASSPHRASE = "correct horse battery"


class WalletCase(Case):
    def setUp(self):
        super().setUp()
        path = self.write("passphrase", f"{PASSPHRASE}\n".encode())
        self.passphrase = f"--passphrase-file={path}"

    def wallet(self, *words, name="home", **options):
        return self.node(name).text("wallet", *words, **options)

    def fails(self, *words, name="home", **options):
        return self.node(name).fails("wallet", *words, **options)

    def keep(self, key, label="", name="home"):
        """An account of that private key."""
        return self.wallet("import", "--key", "--light", self.passphrase, f"--label={label}", stdin=key.encode(), name=name)

    def document(self, name, value):
        return str(self.write(name, json.dumps(value).encode()))

    def everything_written(self, name="home"):
        return b"".join(path.read_bytes() for path in (self.folder / name).rglob("*") if path.is_file())


class Accounts(WalletCase):
    def test_the_first_account_comes_with_words_and_the_next_ones_of_them(self):
        made = json.loads(self.wallet("new", "--light", "--label=main", self.passphrase, "--json"))
        self.assertEqual(len(made["mnemonic"].split()), 12)
        self.assertEqual(made["path"], "m/44'/60'/0'/0/0")
        self.assertEqual(self.wallet("address", "--mnemonic", stdin=made["mnemonic"].encode()), made["address"])
        text = self.wallet("new", self.passphrase)
        self.assertIn("m/44'/60'/0'/0/1", text)
        self.assertNotIn(made["mnemonic"].split()[0], text)
        self.assertEqual([account["label"] for account in json.loads(self.wallet("ls", "--enc=json"))["accounts"]], ["main", ""])
        self.assertEqual(self.wallet("export", "--mnemonic", self.passphrase), made["mnemonic"])
        for secret in (made["mnemonic"], PASSPHRASE):
            self.assertNotIn(secret.encode(), self.everything_written())

    def test_words_are_shown_with_their_numbers(self):
        text = self.wallet("new", "--light", "--words=24", self.passphrase)
        self.assertRegex(text, r"(?m)^   1 [a-z]+ +2 [a-z]+ +3 [a-z]+ +4 [a-z]+$")
        self.assertRegex(text, r"(?m) 24 [a-z]+$")
        self.assertIn("12, 15, 18, 21 or 24", self.fails("new", "--light", "--words=13", self.passphrase, name="other"))
        self.assertIn("--single", self.fails("new", "--words=12", self.passphrase))

    def test_a_mnemonic_of_another_wallet_gives_its_accounts(self):
        line = self.wallet("import", "--mnemonic", "--light", "--label=first", stdin=f"{JUNK}\n{PASSPHRASE}\n".encode())
        self.assertEqual(line.split()[0], JUNK_ACCOUNTS[0])
        self.assertEqual(self.wallet("new", stdin=PASSPHRASE.encode()).split()[0], JUNK_ACCOUNTS[1])
        self.assertEqual(self.wallet("address", "first"), JUNK_ACCOUNTS[0])
        self.assertIn("--single", self.fails("import", "--mnemonic", stdin=JUNK.encode()))
        kept = self.wallet("import", "--mnemonic", "--single", "--light", "--path=m/44'/60'/0'/0/7", self.passphrase,
                           stdin=JUNK.encode())
        self.assertIn("UTC--", kept)

    def test_the_mnemonics_own_passphrase_gives_other_accounts(self):
        extra = self.write("extra", b"TREZOR\n")
        flag = f"--mnemonic-passphrase-file={extra}"
        address = self.wallet("address", "--mnemonic", flag, stdin=JUNK.encode())
        self.assertNotIn(address, JUNK_ACCOUNTS)
        line = self.wallet("import", "--mnemonic", "--light", flag, self.passphrase, stdin=JUNK.encode())
        self.assertEqual(line.split()[0], address)
        extra.write_bytes("caf\u00e9".encode())
        self.assertIn("ASCII", self.fails("address", "--mnemonic", flag, stdin=JUNK.encode()))

    def test_keys_move_between_wallets_as_files_that_geth_names(self):
        self.keep(COW, "cow")
        folder = self.folder / "home" / "wallet"
        file, = (folder / "keystore").iterdir()
        self.assertRegex(file.name, r"^UTC--\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{9}Z--" + COW_ADDRESS[2:].lower() + "$")
        self.assertEqual([stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "keystore", file)],
                         [0o700, 0o700, 0o600])
        copy = self.folder / "copy.json"
        self.wallet("export", "cow", "-o", copy)
        self.assertEqual(stat.S_IMODE(copy.stat().st_mode), 0o600)
        self.assertIn("exists already", self.fails("export", "cow", "-o", copy))
        self.assertEqual(json.loads(copy.read_text())["crypto"]["kdfparams"]["n"], 4096)
        line = self.wallet("import", copy, "--light", self.passphrase, name="other")
        self.assertEqual(line.split()[0], COW_ADDRESS)
        self.assertEqual(self.wallet("export", "--key", self.passphrase, name="other"), "0x" + COW)
        self.assertIn("exists already", self.fails("import", copy, "--light", self.passphrase))

    def test_a_derived_account_can_leave_as_a_keystore(self):
        self.wallet("import", "--mnemonic", "--light", self.passphrase, stdin=JUNK.encode())
        copy = self.write("copy.json", self.wallet("export", self.passphrase).encode())
        line = self.wallet("import", copy, "--light", self.passphrase, name="other")
        self.assertEqual(line.split()[0], JUNK_ACCOUNTS[0])

    def test_labels_name_accounts(self):
        self.keep(COW, "cow")
        self.keep(FORTY_SIX)
        other = self.wallet("ls").splitlines()[1].split()[0]
        self.assertIn("label", self.fails("label", other, "cow"))
        self.wallet("label", other, "payer")
        self.wallet("label", "cow")
        self.assertEqual(self.wallet("address", "payer"), other)
        self.assertIn("not found", self.fails("address", "cow"))
        self.assertIn("label", self.fails("new", "--label=0x1", self.passphrase))

    def test_removing_is_meant(self):
        self.keep(COW, "cow")
        self.assertIn("--force", self.fails("rm", "cow"))
        self.assertIn(COW_ADDRESS, self.wallet("ls"))
        self.wallet("rm", "cow", "--force")
        self.assertEqual(self.wallet("ls"), "")
        self.wallet("import", "--mnemonic", "--light", self.passphrase, stdin=JUNK.encode())
        self.wallet("rm", "--mnemonic", "--force")
        self.assertEqual(self.wallet("ls"), "")

    def test_files_that_cannot_be_read_are_named(self):
        self.keep(COW)
        folder = self.folder / "home" / "wallet" / "keystore"
        (folder / "broken").write_text("{")
        done = self.node().run("wallet", "ls")
        self.assertEqual((done.returncode, done.stdout.split()[0].decode()), (0, COW_ADDRESS))
        self.assertIn(b"broken", done.stderr)

    def test_a_hostile_keystore_is_refused_before_it_costs_anything(self):
        self.keep(COW)
        keystore = json.loads(self.wallet("export"))
        keystore["crypto"]["kdfparams"]["n"] = 2**40
        error = self.fails("import", self.document("hostile.json", keystore), self.passphrase, name="other")
        self.assertIn("more memory or work than is allowed", error)
        self.assertIn("hostile.json", error)


class Secrets(WalletCase):
    def test_on_a_terminal_they_are_typed_twice_and_not_shown(self):
        screen = Screen(self.node(), "wallet", "import", "--key", "--light")
        self.addCleanup(screen.close)
        for question, answer in (("Private key: ", COW), ("New passphrase: ", PASSPHRASE), ("The same again: ", PASSPHRASE)):
            screen.wait_for(question)
            screen.type(answer + "\n")
        self.assertEqual(screen.finish(), 0)
        self.assertIn(COW_ADDRESS, screen.text)
        for secret in (COW, PASSPHRASE):
            self.assertNotIn(secret, screen.text)
        self.assertEqual(self.wallet("export", "--key", self.passphrase), "0x" + COW)

    def test_ctrl_c_at_a_question_ends_it_and_leaves_the_terminal_as_it_was(self):
        screen = Screen(self.node(), "wallet", "new", "--light")
        self.addCleanup(screen.close)
        screen.wait_for("New passphrase: ")
        self.assertFalse(screen.echoes())
        screen.type("half of\x03")
        self.assertEqual(screen.finish(), 130)
        self.assertTrue(screen.echoes())
        self.assertNotIn("half", screen.text)
        self.assertEqual(self.wallet("ls"), "")

    def test_typed_twice_they_are_the_same(self):
        screen = Screen(self.node(), "wallet", "new", "--light")
        self.addCleanup(screen.close)
        screen.wait_for("New passphrase: ")
        screen.type("one\n")
        screen.wait_for("The same again: ")
        screen.type("two\n")
        self.assertEqual(screen.finish(), 1)
        self.assertIn("differ", screen.text)
        self.assertEqual(self.wallet("ls"), "")

    def test_what_is_signed_is_shown_to_who_types_the_passphrase(self):
        self.keep(FORTY_SIX)
        screen = Screen(self.node(), "wallet", "sign", "--transaction", self.document("tx.json", PAYMENT))
        self.addCleanup(screen.close)
        screen.wait_for("Passphrase of 0x")
        self.assertRegex(screen.text, r"chain 1: nonce 9, 1000000000000000000 wei to 0x3535")
        screen.type(PASSPHRASE + "\n")
        self.assertEqual(screen.finish(), 0)
        self.assertIn(PAYMENT_RAW, screen.text.replace("\r\n", ""))
        typed = Screen(self.node(), "wallet", "sign", "--typed-data", self.document("mail.json", MAIL))
        self.addCleanup(typed.close)
        typed.wait_for("Passphrase of 0x")
        for shown in ("Mail", "Hello, Bob!", "Ether Mail"):
            self.assertIn(shown, typed.text)
        typed.type("\x03")
        self.assertEqual(typed.finish(), 130)

    def test_removing_asks_who_sits_there(self):
        self.keep(COW)
        for answer, code, left in (("no", 1, COW_ADDRESS), ("yes", 0, "")):
            screen = Screen(self.node(), "wallet", "rm", COW_ADDRESS)
            self.addCleanup(screen.close)
            screen.wait_for("Type yes")
            screen.type(answer + "\n")
            self.assertEqual(screen.finish(), code)
            self.assertIn(left, self.wallet("ls"))
        self.assertEqual(self.wallet("ls"), "")

    def test_none_is_in_an_error(self):
        self.keep(COW)
        wrong_words = JUNK.replace("junk", "secretword")
        for words, stdin in ((["sign", "x"], "wrong secretword"), (["export", "--key"], "wrong secretword"),
                             (["import", "--key"], "secretword"), (["import", "--key"], "00" * 32 + "\nsecretword"),
                             (["address", "--mnemonic"], wrong_words), (["import", "--mnemonic"], wrong_words)):
            with self.subTest(words):
                error = self.fails(*words, stdin=stdin.encode())
                self.assertNotIn("secretword", error)
        self.assertIn("passphrase is wrong", self.fails("sign", "x", stdin=b"wrong"))
        self.assertIn("word 12", self.fails("address", "--mnemonic", stdin=wrong_words.encode()))

    def test_an_empty_passphrase_is_asked_for(self):
        self.assertIn("--no-passphrase", self.fails("new", "--light", stdin=b"\n"))
        self.assertIn("asked for", self.fails("new", "--light"))
        self.assertEqual(self.wallet("ls"), "")
        self.wallet("new", "--light", "--single", "--no-passphrase")
        self.assertEqual(len(self.wallet("sign", "x", "--no-passphrase")), 132)
        self.assertIn("wrong", self.fails("sign", "x", self.passphrase))

    def test_the_nodes_own_passphrase_is_another_one(self):
        self.wallet("new", "--light", "--single", stdin=PASSPHRASE.encode(), KITH_PASSPHRASE="of the node")
        self.assertIn("wrong", self.fails("sign", "x", stdin=b"of the node"))
        self.wallet("sign", "x", stdin=PASSPHRASE.encode())


class Signatures(WalletCase):
    def test_typed_data_is_signed_as_the_standard_says(self):
        self.keep(COW)
        mail = self.document("mail.json", MAIL)
        self.assertEqual(self.wallet("sign", "--typed-data", mail, self.passphrase), MAIL_SIGNATURE)
        self.assertEqual(self.wallet("verify", COW_ADDRESS, MAIL_SIGNATURE, "--typed-data", mail), f"signed by {COW_ADDRESS}")
        changed = {**MAIL, "message": {**MAIL["message"], "contents": "Hello, Eve!"}}
        self.assertIn(f"isn't {COW_ADDRESS}'s",
                      self.fails("verify", COW_ADDRESS, MAIL_SIGNATURE, "--typed-data", self.document("eve.json", changed)))
        changed["message"]["to"] = {"name": "Bob"}
        error = self.fails("sign", self.passphrase, "--typed-data", self.document("eve.json", changed))
        self.assertIn("message.to.wallet: missing", error)

    def test_typed_data_may_be_deep(self):
        self.keep(COW)
        nested = None
        for _ in range(50):
            nested = {"next": nested}
        deep = {"types": {"Node": [{"name": "next", "type": "Node"}]}, "primaryType": "Node", "domain": {}, "message": nested}
        path = self.document("deep.json", deep)
        self.wallet("verify", COW_ADDRESS, self.wallet("sign", "--typed-data", path, self.passphrase), "--typed-data", path)
        deep["message"] = {"next": {"next": nested}}
        for _ in range(20):
            deep["message"] = {"next": deep["message"]}
        self.assertIn("EIP-712", self.fails("sign", "--typed-data", self.document("deep.json", deep), self.passphrase))

    def test_a_transaction_is_signed_as_the_standard_says(self):
        self.keep(FORTY_SIX, "payer")
        path = self.document("tx.json", PAYMENT)
        self.assertEqual(self.wallet("sign", "--transaction", path, self.passphrase), PAYMENT_RAW)
        self.assertEqual(self.wallet("verify", "payer", "--transaction", PAYMENT_RAW).split()[-1], self.wallet("address"))
        told = json.loads(self.wallet("sign", "--transaction=-", self.passphrase, "--json", stdin=Path(path).read_bytes()))
        self.assertEqual(told["raw"], PAYMENT_RAW)
        for change, error in (({"nonce": None}, "nonce: "), ({"from": COW_ADDRESS}, "not found"), ({"gasprice": 1}, "gasprice")):
            with self.subTest(change):
                path = self.document("tx.json", {**PAYMENT, **change})
                self.assertIn(error, self.fails("sign", "--transaction", path, self.passphrase))

    def test_an_authorization_fits_into_a_transaction(self):
        self.keep(COW)
        path = self.document("to.json", {"chainId": 1, "address": "0x" + "00" * 19 + "07", "nonce": 1})
        signed = json.loads(self.wallet("sign", "--authorization", path, self.passphrase))
        transaction = {"chainId": 1, "nonce": 0, "gas": 100000, "maxFeePerGas": 1, "maxPriorityFeePerGas": 1,
                       "to": COW_ADDRESS, "authorizationList": [signed]}
        raw = self.wallet("sign", "--transaction", self.document("tx.json", transaction), self.passphrase)
        self.assertTrue(raw.startswith("0x04"))
        self.assertEqual(self.wallet("verify", COW_ADDRESS, "--transaction", raw), f"signed by {COW_ADDRESS}")

    def test_a_message_is_signed_wherever_it_comes_from(self):
        self.keep(COW)
        by_word = self.wallet("sign", "hello", self.passphrase)
        by_file = self.wallet("sign", "--file", self.write("hello", b"hello"), self.passphrase)
        by_input = self.wallet("sign", "--file=-", self.passphrase, stdin=b"hello")
        by_hex = self.wallet("sign", "--hex", "0x68656c6c6f", self.passphrase)
        self.assertEqual({by_word, by_file, by_input, by_hex}, {by_word})
        self.assertNotEqual(self.wallet("sign", "--file=-", self.passphrase, stdin=b"hello\n"), by_word)
        self.wallet("verify", COW_ADDRESS, by_word, "hello")
        self.wallet("verify", COW_ADDRESS, by_word, "--file=-", stdin=b"hello")
        self.assertIn("isn't", self.fails("verify", COW_ADDRESS, by_word, "hallo"))
        self.assertIn("signature", self.fails("verify", COW_ADDRESS, by_word[:-2], "hello"))

    def test_one_thing_is_signed_by_one_account(self):
        self.assertIn("wallet new", self.fails("sign", "x", self.passphrase))
        self.keep(COW, "cow")
        self.keep(FORTY_SIX)
        self.assertIn("which account", self.fails("sign", "x", self.passphrase))
        self.wallet("sign", "--from=cow", "x", self.passphrase)
        path = self.document("tx.json", {**PAYMENT, "from": COW_ADDRESS})
        raw = self.wallet("sign", "--transaction", path, self.passphrase)
        self.wallet("verify", "cow", "--transaction", raw)
        for words, told in ((["x", "--file=y"], "several"), ([], "nothing to sign"), (["--hex", "xyz"], "hexadecimal"),
                            (["--from=0x12", "x"], "0x12"), (["--file=-", "--from=cow"], "--passphrase-file")):
            with self.subTest(words):
                flags = [] if "--file=-" in words else [self.passphrase]
                self.assertIn(told, self.fails("sign", *words, *flags))


if __name__ == "__main__":
    unittest.main()
