// Compiles the staking contract: its interface into Staking.abi.json, its code as it runs into C++.
//
//   node contracts/build.mjs           writes what has changed
//   node contracts/build.mjs --check   ends with 1 if something would change
//
// The compiler is the npm package solc of tests/interop/peers/js, pinned by the lock file there (tests/interop/peers/build.sh js);
// the sources name its version. SOLC_FROM names another folder that has it.
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const here = new URL('.', import.meta.url)
const modules = process.env.SOLC_FROM ?? new URL('../tests/interop/peers/js/', here).pathname
const solc = createRequire(`${modules}/package.json`)('solc')
const cpp = '../kith/ledger/consensus/staking/'

function compile (...names) {
  const sources = {}
  for (const name of names) sources[name] = { content: readFileSync(new URL(name, here), 'utf8') }
  const settings = {
    evmVersion: 'cancun',
    viaIR: true,
    optimizer: { enabled: true, runs: 10000 },
    // Nothing in the code but code: no hash of sources, no name of a compiler.
    metadata: { appendCBOR: false, bytecodeHash: 'none' },
    outputSelection: { '*': { '*': ['abi', 'evm.deployedBytecode.object'] } }
  }
  const output = JSON.parse(solc.compile(JSON.stringify({ language: 'Solidity', sources, settings })))
  const said = (output.errors ?? []).map(error => error.formattedMessage)
  if (said.length) throw new Error(said.join('\n'))
  return output.contracts
}

/// A function that gives the code in hexadecimal digits, 96 of them a line.
function cpp_of (header, name, { deployedBytecode }) {
  const lines = deployedBytecode.object.match(/.{1,96}/g).map(line => `      "${line}"`)
  return `// Made by contracts/build.mjs with solc ${solc.version().replace(/\.Emscripten.*/, '')}: not to be edited.
// clang-format off
#include <kith/ledger/consensus/staking/${header}>

namespace kith::ledger::staking {

std::string_view ${name}() noexcept {
  return
${lines.join('\n')};
}

}  // namespace kith::ledger::staking
`
}

const contracts = compile('Staking.sol', 'Ed25519.sol', 'Sha512.sol', 'test/Hostile.sol')
const { abi, evm } = contracts['Staking.sol'].Staking
const hostile = contracts['test/Hostile.sol'].Hostile
const files = {
  'Staking.abi.json': `${JSON.stringify(abi, null, 1)}\n`,
  [`${cpp}detail/staking_code.cpp`]: cpp_of('detail/staking_code.hpp', 'staking_code_hex', evm),
  [`${cpp}hostile_code_test.cpp`]: cpp_of('test_hostile.hpp', 'hostile_code_hex', hostile.evm)
}
let differ = 0
for (const [name, text] of Object.entries(files)) {
  const url = new URL(name, here)
  let before
  try {
    before = readFileSync(url, 'utf8')
  } catch {}
  if (before === text) continue
  differ += 1
  if (process.argv.includes('--check')) console.error(`${name} is not what the sources compile to`)
  else writeFileSync(url, text)
}
console.log(`${evm.deployedBytecode.object.length / 2} bytes of code by solc ${solc.version()}; ${differ} files differ`)
process.exit(process.argv.includes('--check') && differ ? 1 : 0)
