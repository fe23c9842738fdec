"""Random bytecode: programs that keep count of their stack, and what becomes of such when it is damaged."""

WORD = 1 << 256

OPCODES = {
    "STOP": 0x00, "ADD": 0x01, "MUL": 0x02, "SUB": 0x03, "DIV": 0x04, "SDIV": 0x05, "MOD": 0x06, "SMOD": 0x07, "ADDMOD": 0x08,
    "MULMOD": 0x09, "EXP": 0x0A, "SIGNEXTEND": 0x0B, "LT": 0x10, "GT": 0x11, "SLT": 0x12, "SGT": 0x13, "EQ": 0x14, "ISZERO": 0x15,
    "AND": 0x16, "OR": 0x17, "XOR": 0x18, "NOT": 0x19, "BYTE": 0x1A, "SHL": 0x1B, "SHR": 0x1C, "SAR": 0x1D, "CLZ": 0x1E,
    "KECCAK256": 0x20, "ADDRESS": 0x30, "BALANCE": 0x31, "ORIGIN": 0x32, "CALLER": 0x33, "CALLVALUE": 0x34, "CALLDATALOAD": 0x35,
    "CALLDATASIZE": 0x36, "CALLDATACOPY": 0x37, "CODESIZE": 0x38, "CODECOPY": 0x39, "GASPRICE": 0x3A, "EXTCODESIZE": 0x3B,
    "EXTCODECOPY": 0x3C, "RETURNDATASIZE": 0x3D, "RETURNDATACOPY": 0x3E, "EXTCODEHASH": 0x3F, "BLOCKHASH": 0x40, "COINBASE": 0x41,
    "TIMESTAMP": 0x42, "NUMBER": 0x43, "PREVRANDAO": 0x44, "GASLIMIT": 0x45, "CHAINID": 0x46, "SELFBALANCE": 0x47, "BASEFEE": 0x48,
    "BLOBHASH": 0x49, "BLOBBASEFEE": 0x4A, "POP": 0x50, "MLOAD": 0x51, "MSTORE": 0x52, "MSTORE8": 0x53, "SLOAD": 0x54,
    "SSTORE": 0x55, "JUMP": 0x56, "JUMPI": 0x57, "PC": 0x58, "MSIZE": 0x59, "GAS": 0x5A, "JUMPDEST": 0x5B, "TLOAD": 0x5C,
    "TSTORE": 0x5D, "MCOPY": 0x5E, "PUSH0": 0x5F, "CREATE": 0xF0, "CALL": 0xF1, "CALLCODE": 0xF2, "RETURN": 0xF3,
    "DELEGATECALL": 0xF4, "CREATE2": 0xF5, "STATICCALL": 0xFA, "REVERT": 0xFD, "INVALID": 0xFE, "SELFDESTRUCT": 0xFF,
}
for _i in range(16):
    OPCODES |= {f"DUP{_i + 1}": 0x80 + _i, f"SWAP{_i + 1}": 0x90 + _i}
for _i in range(5):
    OPCODES[f"LOG{_i}"] = 0xA0 + _i
NAMES = {value: name for name, value in OPCODES.items()} | {0x5F + i: f"PUSH{i}" for i in range(33)}

# What takes so many words and leaves one.
PLAIN = {
    "ADD": 2, "MUL": 2, "SUB": 2, "DIV": 2, "SDIV": 2, "MOD": 2, "SMOD": 2, "ADDMOD": 3, "MULMOD": 3, "EXP": 2, "SIGNEXTEND": 2,
    "LT": 2, "GT": 2, "SLT": 2, "SGT": 2, "EQ": 2, "ISZERO": 1, "AND": 2, "OR": 2, "XOR": 2, "NOT": 1, "BYTE": 2, "SHL": 2, "SHR": 2,
    "SAR": 2, "CLZ": 1, "CALLDATALOAD": 1, "BLOBHASH": 1,
}
OF_CALL = ["ADDRESS", "CALLER", "CALLVALUE", "CALLDATASIZE", "CODESIZE", "RETURNDATASIZE", "PC", "MSIZE", "GAS", "SELFBALANCE", "CHAINID"]
OF_BLOCK = ["ORIGIN", "GASPRICE", "COINBASE", "TIMESTAMP", "NUMBER", "PREVRANDAO", "GASLIMIT", "BASEFEE", "BLOBBASEFEE"]

EDGES = [0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 33, 63, 64, 127, 128, 255, 256, 257, 0xFFFF, 1 << 31, (1 << 32) - 1, 1 << 63, (1 << 64) - 1,
         1 << 64, 1 << 127, (1 << 128) - 1, 1 << 128, 1 << 160, 1 << 254, (1 << 255) - 1, 1 << 255, (1 << 255) + 1, WORD - 2, WORD - 1,
         WORD - 32, WORD - 256, 0x8000, 0x80, 0xFF << 248]
SIZES = [0, 0, 1, 2, 31, 32, 33, 64, 65, 95, 96, 128, 255, 256, 1000, 1024, 4096]
FAR = [0xFFFF, 1 << 20, (1 << 32) - 1, 1 << 32, 1 << 63, (1 << 64) - 1, 1 << 64, WORD - 1, WORD - 31]

UNKNOWN = [0x0C, 0x1F, 0x21, 0x4B, 0xA5, 0xB0, 0xD0, 0xE0, 0xE6, 0xEE, 0xEF, 0xF6, 0xF7, 0xF8, 0xF9, 0xFB, 0xFC, 0xFE]

CODE_MAX = 0x6000
INIT_CODE_MAX = 2 * CODE_MAX


def push(number):
    text = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return bytes([0x5F + len(text)]) + text


def instructions(code):
    """Pairs of (opcode, the whole instruction)."""
    at, out = 0, []
    while at < len(code):
        size = 1 + (code[at] - 0x5F if 0x60 <= code[at] <= 0x7F else 0)
        out.append((code[at], code[at:at + size]))
        at += size
    return out


def disassembled(code):
    at, lines = 0, []
    for opcode, whole in instructions(code):
        lines.append(f"{at:04x} {NAMES.get(opcode, f'{opcode:02x}')} {whole[1:].hex()}".rstrip())
        at += len(whole)
    return lines


def without_hashes(code):
    """The two programs' block hashes differ (anvil's state roots are its own): none may be looked at but whether it is there."""
    out, read = [], instructions(code)
    for i, (opcode, whole) in enumerate(read):
        out.append(whole)
        if opcode == OPCODES["BLOCKHASH"] and (i + 1 == len(read) or read[i + 1][0] != OPCODES["ISZERO"]):
            out.append(bytes([OPCODES["ISZERO"]]))
    return b"".join(out)


def of(names):
    """From words: names of opcodes and numbers, which are pushed."""
    out = b""
    for word in names.split():
        out += bytes([OPCODES[word]]) if word in OPCODES else push(int(word, 0))
    return out


class Writer:
    """Writes one program. `places` are addresses to call and look at; `env` says whether it may ask what block it is in."""

    def __init__(self, rng, places, env=True, nesting=0):
        self.rng, self.places, self.env, self.nesting = rng, places, env, nesting
        self.parts = []
        self.depth = 0
        self.labels = 0
        self.blobs = []

    # Parts.

    def op(self, name, takes=0, leaves=0):
        self.parts.append(bytes([OPCODES[name]]))
        self.depth += leaves - takes

    def push(self, number):
        self.parts.append(push(number % WORD))
        self.depth += 1

    def push_wide(self, number):
        self.parts.append(b"\x7f" + (number % WORD).to_bytes(32, "big"))
        self.depth += 1

    def label(self):
        self.labels += 1
        return self.labels

    def push_label(self, label):
        self.parts.append(("to", label))
        self.depth += 1

    def place(self, label):
        self.parts.append(("at", label))

    # Operands.

    def any_word(self):
        choice = self.rng.random()
        if choice < 0.45:
            return self.rng.choice(EDGES)
        if choice < 0.6:
            return self.rng.getrandbits(256)
        if choice < 0.8:
            return self.rng.randrange(300)
        if choice < 0.9:
            return int.from_bytes(self.rng.choice(self.places), "big")
        return self.rng.getrandbits(self.rng.randrange(1, 257))

    def operand(self):
        choice = self.rng.random()
        if choice < 0.3 and self.depth > 0:
            self.op(f"DUP{self.rng.randint(1, min(self.depth, 16))}", leaves=1)
        elif choice < 0.38:
            self.op(self.rng.choice(OF_CALL), leaves=1)
        elif choice < 0.42 and self.env:
            self.op(self.rng.choice(OF_BLOCK), leaves=1)
        elif choice < 0.46:
            self.push_wide(self.any_word())
        else:
            self.push(self.any_word())

    def address(self):
        choice = self.rng.random()
        if choice < 0.06:
            self.op("ADDRESS", leaves=1)
        elif choice < 0.09:
            self.op("CALLER", leaves=1)
        elif choice < 0.11:
            self.operand()
        elif choice < 0.14:
            # Bits beyond an address, which don't count.
            self.push(int.from_bytes(self.rng.choice(self.places), "big") | self.rng.getrandbits(96) << 160)
        else:
            self.push(int.from_bytes(self.rng.choice(self.places), "big"))

    def offset(self):
        choice = self.rng.random()
        self.push(self.rng.choice(FAR) if choice < 0.015 else self.rng.choice(SIZES) if choice < 0.7 else self.rng.randrange(600))

    def key(self):
        choice = self.rng.random()
        self.push(self.rng.randrange(4) if choice < 0.8 else self.any_word())

    def consume(self):
        """The word on top goes somewhere, or stays."""
        choice = self.rng.random()
        if choice < 0.2:
            self.key()
            self.op("SSTORE", takes=2)
        elif choice < 0.5:
            self.push(32 * self.rng.randrange(8))
            self.op("MSTORE", takes=2)
        elif choice < 0.65 or self.depth > 24:
            self.op("POP", takes=1)

    # Statements.

    def arithmetic(self):
        name = self.rng.choice(list(PLAIN))
        for _ in range(PLAIN[name]):
            self.operand()
        self.op(name, takes=PLAIN[name], leaves=1)
        self.consume()

    def memory(self):
        name = self.rng.choice(["MSTORE", "MSTORE", "MSTORE8", "MLOAD", "MCOPY", "KECCAK256", "CALLDATACOPY", "CODECOPY", "EXTCODECOPY",
                                "RETURNDATACOPY"])
        if name in ("MSTORE", "MSTORE8"):
            self.operand()
            self.offset()
            self.op(name, takes=2)
        elif name == "MLOAD":
            self.offset()
            self.op(name, takes=1, leaves=1)
            self.consume()
        elif name == "KECCAK256":
            self.offset()
            self.offset()
            self.op(name, takes=2, leaves=1)
            self.consume()
        elif name == "RETURNDATACOPY" and self.rng.random() < 0.8:
            # All of it, or one byte too many.
            too_many = self.rng.random() < 0.06
            self.op("RETURNDATASIZE", leaves=1)
            if too_many:
                self.push(1)
                self.op("ADD", takes=2, leaves=1)
            self.push(0)
            self.offset()
            self.op(name, takes=3)
        else:
            self.offset()
            self.offset()
            self.offset()
            if name == "EXTCODECOPY":
                self.address()
            self.op(name, takes=4 if name == "EXTCODECOPY" else 3)

    def storage(self):
        choice = self.rng.random()
        if choice < 0.45:
            # The same slot to and fro: what is refunded depends on what it was.
            slot = self.rng.randrange(4)
            for _ in range(self.rng.randint(1, 4)):
                self.push(self.rng.choice([0, 0, 1, 2, 7, WORD - 1]))
                self.push(slot)
                self.op("SSTORE", takes=2)
        elif choice < 0.6:
            self.operand()
            self.key()
            self.op("SSTORE", takes=2)
        elif choice < 0.8:
            self.key()
            self.op("SLOAD", takes=1, leaves=1)
            self.consume()
        elif choice < 0.9:
            self.operand()
            self.key()
            self.op("TSTORE", takes=2)
        else:
            self.key()
            self.op("TLOAD", takes=1, leaves=1)
            self.consume()

    def environment(self):
        choice = self.rng.random()
        if choice < 0.4:
            self.address()
            self.op(self.rng.choice(["BALANCE", "EXTCODESIZE", "EXTCODEHASH"]), takes=1, leaves=1)
        elif choice < 0.5 and self.env:
            self.push(self.rng.choice([0, 1, 2, 255, 256, 257]))
            self.op("NUMBER", leaves=1)
            self.op(self.rng.choice(["SUB", "ADD"]), takes=2, leaves=1)
            self.op("BLOCKHASH", takes=1, leaves=1)
            self.op("ISZERO", takes=1, leaves=1)
        else:
            self.op(self.rng.choice(OF_CALL + (OF_BLOCK if self.env else [])), leaves=1)
        self.consume()

    def stack(self):
        choice = self.rng.random()
        if self.depth >= 2 and choice < 0.5:
            self.op(f"SWAP{self.rng.randint(1, min(self.depth - 1, 16))}")
        elif self.depth and choice < 0.8:
            self.op(f"DUP{self.rng.randint(1, min(self.depth, 16))}", leaves=1)
        elif self.depth:
            self.op("POP", takes=1)
        else:
            self.push(self.any_word())

    def log(self):
        topics = self.rng.randrange(5)
        for _ in range(topics):
            self.operand()
        self.offset()
        self.offset()
        self.op(f"LOG{topics}", takes=topics + 2)

    def call(self):
        name = self.rng.choice(["CALL", "CALL", "CALLCODE", "DELEGATECALL", "STATICCALL"])
        self.offset()
        self.offset()
        self.offset()
        self.offset()
        if name in ("CALL", "CALLCODE"):
            self.push(self.rng.choice([0, 0, 0, 1, 2, 1000]) if self.rng.random() < 0.95 else self.any_word())
        self.address()
        choice = self.rng.random()
        if choice < 0.5:
            self.op("GAS", leaves=1)
        elif choice < 0.9:
            self.push(self.rng.choice([0, 1, 100, 700, 2299, 2300, 2301, 2600, 5000, 9000, 30_000, 100_000, 1_000_000]))
        else:
            self.operand()
        takes = 7 if name in ("CALL", "CALLCODE") else 6
        self.op(name, takes=takes, leaves=1)
        self.consume()
        if self.rng.random() < 0.3:
            self.op("RETURNDATASIZE", leaves=1)
            self.consume()

    def create(self):
        name = self.rng.choice(["CREATE", "CREATE2"])
        self.blobs.append(init_code(self.rng, self.places, self.env, self.nesting + 1))
        index = len(self.blobs) - 1
        self.parts.append(("size", index))
        self.parts.append(("blob", index))
        self.depth += 2
        self.push(0)
        self.op("CODECOPY", takes=3)
        if name == "CREATE2":
            self.push(self.rng.randrange(3))
        self.parts.append(("size", index))
        self.depth += 1
        self.push(0)
        self.push(self.rng.choice([0, 0, 0, 1, 5]))
        self.op(name, takes=4 if name == "CREATE2" else 3, leaves=1)
        if self.rng.random() < 0.5:
            self.op("DUP1", leaves=1)
            for _ in range(5):
                self.push(0)
            self.op("SWAP5")
            self.push(self.rng.choice([0, 30_000, 1_000_000]))
            self.op("CALL", takes=7, leaves=1)
            self.consume()
        self.consume()

    def branch(self):
        label = self.label()
        self.operand()
        if self.rng.random() < 0.5:
            self.push(2)
            self.op("SWAP1")
            self.op("MOD", takes=2, leaves=1)
        self.push_label(label)
        self.op("JUMPI", takes=2)
        depth = self.depth
        self.statements(self.rng.randint(1, 4))
        if self.rng.random() < 0.15:
            self.end()
        self.even(depth)
        self.place(label)

    def loop(self):
        label = self.label()
        self.push(self.rng.choice([1, 2, 3, 5, 10, 40]))
        self.place(label)
        depth = self.depth
        self.statements(self.rng.randint(1, 3))
        self.even(depth)
        self.push(1)
        self.op("SWAP1")
        self.op("SUB", takes=2, leaves=1)
        self.op("DUP1", leaves=1)
        self.push_label(label)
        self.op("JUMPI", takes=2)
        self.op("POP", takes=1)

    def astray(self):
        """Rarely survived."""
        choice = self.rng.random()
        if choice < 0.3:
            self.push(self.rng.choice([0, 1, 5, 1 << 16, WORD - 1]))
            self.op("JUMP", takes=1)
        elif choice < 0.5:
            self.parts.append(bytes([self.rng.choice(UNKNOWN)]))
        elif choice < 0.7:
            self.parts.append(bytes([OPCODES["POP"]] * (self.depth + 1)))
            self.depth = 0
        else:
            # Up to the stack's end and over it.
            label = self.label()
            self.place(label)
            self.parts.append(push(1))
            self.push_label(label)
            self.op("JUMP", takes=1)

    def even(self, depth):
        while self.depth > depth:
            self.op("POP", takes=1)
        while self.depth < depth:
            self.push(self.any_word())

    def end(self):
        choice = self.rng.random()
        if choice < 0.35:
            self.push(self.rng.choice(SIZES))
            self.push(self.rng.choice([0, 0, 32, 100]))
            self.op("RETURN", takes=2)
        elif choice < 0.55:
            self.op("STOP")
        elif choice < 0.75:
            self.push(self.rng.choice(SIZES))
            self.push(0)
            self.op("REVERT", takes=2)
        elif choice < 0.9:
            self.address()
            self.op("SELFDESTRUCT", takes=1)
        else:
            self.op("INVALID")

    KINDS = [("arithmetic", 24), ("memory", 14), ("storage", 14), ("environment", 10), ("stack", 6), ("log", 5), ("call", 12),
             ("create", 3), ("branch", 5), ("loop", 2), ("astray", 0.3)]

    def statements(self, count):
        kinds = [(name, weight) for name, weight in self.KINDS if not (name == "create" and self.nesting > 1)]
        names, weights = zip(*kinds)
        for name in self.rng.choices(names, weights, k=count):
            getattr(self, name)()
            if self.depth > 40:
                self.even(10)

    def finish(self):
        """Something of the stack is kept where it is compared."""
        for _ in range(min(self.depth, self.rng.randrange(3))):
            self.key()
            self.op("SSTORE", takes=2)
        self.end() if self.rng.random() < 0.35 else (self.push(96), self.push(0), self.op("RETURN", takes=2))

    def code(self):
        sizes = {"to": 3, "at": 1, "size": 3, "blob": 3}
        places, at = {}, 0
        for part in self.parts:
            if isinstance(part, bytes):
                at += len(part)
                continue
            if part[0] == "at":
                places[part[1]] = at
            at += sizes[part[0]]
        starts = []
        for blob in self.blobs:
            starts.append(at)
            at += len(blob)
        out = b""
        for part in self.parts:
            if isinstance(part, bytes):
                out += part
            elif part[0] == "at":
                out += bytes([OPCODES["JUMPDEST"]])
            else:
                number = {"to": places, "size": [len(blob) for blob in self.blobs], "blob": starts}[part[0]][part[1]]
                out += b"\x61" + number.to_bytes(2, "big")
        return out + b"".join(self.blobs)


def program(rng, places, env=True, nesting=0, length=None):
    writer = Writer(rng, places, env, nesting)
    writer.statements(length or rng.choice([2, 5, 10, 15, 25, 40]))
    writer.finish()
    return without_hashes(writer.code())


def init_code(rng, places, env=True, nesting=0):
    """Code that makes a contract, mostly."""
    choice = rng.random()
    if choice < 0.1:
        return damaged(rng, program(rng, places, env, 2, 5))
    writer = Writer(rng, places, env, nesting)
    if choice < 0.6:
        writer.statements(rng.randrange(4))
    if choice < 0.2:
        # Edges of what may be a contract.
        writer.push(rng.choice([0xEF, 0xEF00, 0xFE, 0]))
        writer.push(0)
        writer.op("MSTORE8" if rng.random() < 0.7 else "MSTORE", takes=2)
        writer.push(rng.choice([0, 1, 2, 23, 32, CODE_MAX - 1, CODE_MAX, CODE_MAX + 1]))
        writer.push(0)
        writer.op("RETURN", takes=2)
        return without_hashes(writer.code())
    writer.blobs.append(program(rng, places, env, nesting + 1, rng.choice([1, 3, 6])))
    index = len(writer.blobs) - 1
    for part in (("size", index), ("blob", index)):
        writer.parts.append(part)
    writer.push(0)
    writer.op("CODECOPY")
    writer.parts.append(("size", index))
    writer.push(0)
    writer.op("RETURN" if rng.random() < 0.93 else "REVERT")
    return writer.code()


def damaged(rng, code):
    code = bytearray(code)
    for _ in range(rng.choice([1, 1, 2, 5])):
        at = rng.randrange(len(code) + 1)
        choice = rng.random()
        if choice < 0.4 and at < len(code):
            code[at] = rng.randrange(256)
        elif choice < 0.6 and at < len(code):
            del code[at:at + rng.randint(1, 8)]
        elif choice < 0.8:
            code[at:at] = bytes(rng.choice(list(OPCODES.values())) for _ in range(rng.randint(1, 6)))
        else:
            other = rng.randrange(len(code) + 1)
            code[at:at] = code[other:other + rng.randint(1, 40)]
    return without_hashes(bytes(code))


def noise(rng):
    """Bytes of opcodes that exist, mostly, after something to compute with."""
    known = list(OPCODES.values()) + list(range(0x60, 0x80))
    start = b"".join(push(rng.choice(EDGES)) for _ in range(rng.randrange(12)))
    rest = bytes(rng.choice(known) if rng.random() < 0.95 else rng.randrange(256) for _ in range(rng.randint(1, 80)))
    return without_hashes(start + rest)


def any_code(rng, places, env=True):
    choice = rng.random()
    if choice < 0.8:
        return program(rng, places, env)
    if choice < 0.93:
        return damaged(rng, program(rng, places, env))
    return noise(rng)
