"""ethers opens kith's keystores and knows its signatures, and kith those of ethers. Nothing is listened to or dialed."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import environment
from harness.peer import node_binary

SCRIPT = environment.JS_PEERS / "ethers-wallet.mjs"
SECONDS = 60
PASSPHRASE = "correct horse battery"
JUNK = "test test test test test test test test test test test junk"
MESSAGE = "of as many bytes as it has: caf\u00e9"
RECIPIENT = "0x" + "35" * 20
TYPED_DATA = {
    "types": {
        "EIP712Domain": [{"name": "name", "type": "string"}, {"name": "chainId", "type": "uint256"}],
        "Order": [{"name": "maker", "type": "address"}, {"name": "items", "type": "Item[2]"}, {"name": "notes", "type": "string[][]"},
                  {"name": "salt", "type": "bytes32"}, {"name": "open", "type": "bool"}],
        "Item": [{"name": "id", "type": "uint256"}, {"name": "change", "type": "int64"}, {"name": "raw", "type": "bytes"},
                 {"name": "tag", "type": "bytes4"}]},
    "primaryType": "Order",
    "domain": {"name": "Market \u2713", "chainId": 137},
    "message": {
        "maker": RECIPIENT, "notes": [["a", "b"], [], [""]], "salt": "0x" + "ab" * 32, "open": True,
        "items": [{"id": str(2**255), "change": -5, "raw": "0x", "tag": "0x01020304"},
                  {"id": "0x10", "change": "9223372036854775807", "raw": "0xff00", "tag": "0x00000000"}]}}
BASE = {"chainId": 1337, "nonce": 3, "gas": 90000, "to": RECIPIENT, "value": "12345678901234567890", "data": "0x010203"}
FEES = {"maxFeePerGas": "30000000000", "maxPriorityFeePerGas": 1000000000}
ACCESS = {"accessList": [{"address": RECIPIENT, "storageKeys": ["0x" + "11" * 32, "0x" + "22" * 32]}]}
HASH = "0x01" + "33" * 31


class Ethers(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="kith-wallet-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        (self.folder / "passphrase").write_text(PASSPHRASE + "\n")
        self.binary = environment.require(environment.kith_binary(), "build it, or name it in KITH_BIN")
        environment.require(environment.JS_PEERS / "node_modules" / "ethers", "install it by tests/interop/peers/build.sh js")

    def wallet(self, *words, home="home", stdin=""):
        env = {**os.environ, "KITH_PATH": str(self.folder / home)}
        done = subprocess.run([self.binary, "wallet", *map(str, words)], env=env, input=stdin.encode(), capture_output=True,
                              timeout=SECONDS)
        self.assertEqual(done.returncode, 0, done.stderr.decode(errors="replace"))
        return done.stdout.decode().strip()

    def locked(self, *words, **options):
        return self.wallet(*words, f"--passphrase-file={self.folder / 'passphrase'}", **options)

    def document(self, name, value):
        path = self.folder / name
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        return path

    def signed_transactions(self, authorization):
        for fields in ({"gasPrice": 20000000000}, {"gasPrice": 1, **ACCESS}, FEES, {**FEES, **ACCESS},
                       {**FEES, "maxFeePerBlobGas": 7, "blobVersionedHashes": [HASH]}, {**FEES, "authorizationList": [authorization]}):
            yield self.locked("sign", "--transaction", self.document("tx.json", {**BASE, **fields}))

    def ethers(self, **asked):
        done = subprocess.run([node_binary(), SCRIPT], input=json.dumps(asked), capture_output=True, text=True, timeout=SECONDS)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_each_reads_what_the_other_one_writes(self):
        self.locked("import", "--mnemonic", "--light", stdin=JUNK)
        address = self.wallet("address")
        typed_data = self.document("typed.json", TYPED_DATA)
        delegation = self.document("to.json", {"chainId": 1337, "address": RECIPIENT, "nonce": 4})
        authorization = json.loads(self.locked("sign", "--authorization", delegation))
        told = self.ethers(
            keystore=self.locked("export"), passphrase=PASSPHRASE, message=MESSAGE, typedData=TYPED_DATA,
            messageSignature=self.locked("sign", MESSAGE), typedDataSignature=self.locked("sign", "--typed-data", typed_data),
            transactions=list(self.signed_transactions(authorization)),
            authorization={"address": RECIPIENT, "chainId": 1337, "nonce": 4,
                           "signature": {"r": self.padded(authorization["r"]), "s": self.padded(authorization["s"]),
                                         "yParity": int(authorization["yParity"], 16)}})
        self.assertEqual([told[name] for name in ("address", "message", "typedData", "authorization")], [address] * 4)
        self.assertEqual(told["key"], self.locked("export", "--key"))
        self.assertEqual([(one["type"], one["from"]) for one in told["transactions"]],
                         [(kind, address) for kind in (0, 1, 2, 2, 3, 4)])
        self.and_back(told["made"], typed_data)

    @staticmethod
    def padded(number):
        return "0x" + number[2:].zfill(64)

    def and_back(self, made, typed_data):
        keystore = self.document("made.json", made["keystore"])
        self.assertEqual(self.locked("import", keystore, "--light", home="other").split()[0], made["address"])
        self.assertEqual(self.locked("export", "--key", home="other"), made["key"])
        self.assertEqual(self.wallet("address", "--mnemonic", stdin=made["mnemonic"]), made["address"])
        self.wallet("verify", made["address"], made["messageSignature"], MESSAGE)
        self.wallet("verify", made["address"], made["typedDataSignature"], "--typed-data", typed_data)
        self.assertEqual(self.locked("sign", MESSAGE, home="other"), made["messageSignature"])
        self.assertEqual(self.locked("sign", "--typed-data", typed_data, home="other"), made["typedDataSignature"])


if __name__ == "__main__":
    unittest.main()
