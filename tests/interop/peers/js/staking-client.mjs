// What ethers and viem do with the staking contract of a development chain whose genesis has it, by its ABI.
//
//   staking-client.mjs URL SALT
//
// Keys and signatures are Node's own. Prints a line for each thing tried (checks.mjs).
import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'

import * as ethers from 'ethers'
import * as viem from 'viem'
import { mnemonicToAccount } from 'viem/accounts'
import { foundry } from 'viem/chains'

import { check, end } from './checks.mjs'

const [url, salt] = process.argv.slice(2)
const address = '0x0000000000000000000000000000000000057a4e'
const abi = JSON.parse(readFileSync(new URL('../../../../contracts/Staking.abi.json', import.meta.url), 'utf8'))
const mnemonic = 'test test test test test test test test test test test junk'
const chain = foundry
const transport = viem.http(url)
const open = viem.createPublicClient({ chain, transport, pollingInterval: 50 })
const test = viem.createTestClient({ mode: 'anvil', chain, transport })
const milli = 10n ** 15n
const contract = { address, abi }

function person (addressIndex) {
  const account = mnemonicToAccount(mnemonic, { addressIndex })
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  return {
    account,
    client: viem.createWalletClient({ account, chain, transport }),
    key: viem.toHex(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)),
    sign: message => viem.toHex(sign(null, viem.toBytes(message), privateKey))
  }
}

const read = (functionName, ...args) => open.readContract({ ...contract, functionName, args })

/// The transaction's receipt and the contract's events.
async function send (who, functionName, args = [], value = 0n) {
  const { request } = await open.simulateContract({ ...contract, account: who.account, functionName, args, value })
  const receipt = await open.waitForTransactionReceipt({ hash: await who.client.writeContract(request) })
  assert.equal(receipt.status, 'success')
  return { receipt, events: viem.parseEventLogs({ abi, logs: receipt.logs }) }
}

/// The name of the contract's error.
async function refusal (who, functionName, args = [], value = 0n) {
  const error = await open.simulateContract({ ...contract, account: who.account, functionName, args, value })
    .then(() => undefined, error => error)
  return error?.walk(one => one instanceof viem.ContractFunctionRevertedError)?.data?.errorName
}

const [alice, bob] = [person(0), person(1)]
const domain = viem.keccak256(viem.encodePacked(['string', 'uint256', 'address', 'bytes32'],
  ['kith bft chain 01', BigInt(chain.id), address, salt]))
const proof = (of, by) => by.sign(viem.encodePacked(['string', 'bytes32', 'address'], ['kith bft key 01', domain, of.account.address]))

const number = value => value === 0n ? '0x' : viem.toHex(value)

/// A vote to finalize, as a list for RLP.
function vote (who, epoch, view, parent, payload) {
  const said = viem.encodePacked(['string', 'bytes32', 'uint64', 'uint8', 'uint64', 'uint64', 'bytes32'],
    ['kith bft vote 01', domain, epoch, 3, view, parent, payload])
  return [number(epoch), '0x03', number(view), number(parent), payload, '0x', who.sign(said)]
}

const evidence = (who, view) => viem.toRlp(
  [vote(who, 0n, view, 0n, viem.pad('0x01')), vote(who, 0n, view, 0n, viem.pad('0x02'))])

await check('viem: the genesis has the contract and its parameters', async () => {
  assert.deepEqual(await read('parameters'), [1000n * milli, 3600n, 600n, 100n, 500n, 1000n, 128n])
  assert.equal(await read('voteDomain'), domain)
  assert.deepEqual(await read('validators'), [[], []])
})

await check('viem: nobody registers the key of another', async () => {
  assert.equal(await refusal(bob, 'stake', [alice.key, proof(alice, alice)], 2000n * milli), 'BadProof')
  assert.equal(await refusal(alice, 'stake', [alice.key, proof(bob, alice)], 2000n * milli), 'BadProof')
})

await check('viem: stakes on a key of Node\'s', async () => {
  const { events } = await send(alice, 'stake', [alice.key, proof(alice, alice)], 2000n * milli)
  assert.deepEqual(events.map(event => event.eventName), ['Registered', 'Staked'])
  assert.equal(events[0].args.key, alice.key)
  await send(bob, 'stake', [bob.key, proof(bob, bob)], 1000n * milli)
  await send(bob, 'stake', [], 500n * milli)
  const [keys, weights] = await read('validators')
  assert.deepEqual(Object.fromEntries(keys.map((key, i) => [key, weights[i]])), { [alice.key]: 2000n, [bob.key]: 1500n })
})

await check('ethers: reads the same by the same ABI', async () => {
  const provider = new ethers.JsonRpcProvider(url, undefined, { cacheTimeout: -1 })
  const staking = new ethers.Contract(address, abi, provider)
  const { key, staked, isActive } = await staking.validatorOf(alice.account.address)
  assert.equal(key, alice.key)
  assert.equal(staked, 2000n * milli)
  assert.equal(isActive, true)
  assert.equal(await staking.operatorOf(bob.key), bob.account.address)
  const error = await staking['stake()'].staticCall({ value: 1n, from: alice.account.address }).then(() => undefined, error => error)
  assert.equal(error?.revert?.name, 'NotWholeUnits')
  provider.destroy()
})

await check('viem: two votes of Node\'s cost a twentieth', async () => {
  const gas = await open.estimateContractGas(
    { ...contract, account: bob.account, functionName: 'submitEvidence', args: [alice.key, evidence(alice, 7n)] })
  assert.ok(gas < 1000000n, `${gas} gas`)
  assert.equal(await refusal(bob, 'submitEvidence', [bob.key, evidence(alice, 7n)]), 'BadSignature')
  const { events } = await send(bob, 'submitEvidence', [alice.key, evidence(alice, 7n)])
  const [{ eventName, args }] = events
  assert.equal(eventName, 'Slashed')
  assert.equal(args.operator, alice.account.address)
  assert.equal(args.amount, 100n * milli)
  assert.equal(args.reward, 10n * milli)
  assert.equal(await refusal(bob, 'submitEvidence', [alice.key, evidence(alice, 7n)]), 'AlreadyPunished')
  assert.deepEqual(await read('validators'), [[bob.key], [1500n]])
})

await check('viem: leaves jail when the time is over', async () => {
  assert.equal(await refusal(alice, 'unjail'), 'StillJailed')
  // Blocks of one second are a second apart, so that the chain may be ahead of the clock.
  await test.increaseTime({ seconds: 700 })
  await test.mine({ blocks: 1 })
  await send(alice, 'unjail')
  assert.equal((await read('validators'))[0].length, 2)
})

await check('viem: takes the stake back after the period', async () => {
  await send(alice, 'unstake', [1900n * milli])
  assert.equal(await refusal(alice, 'withdraw'), 'NothingToWithdraw')
  await test.increaseTime({ seconds: 3700 })
  await test.mine({ blocks: 1 })
  const before = await open.getBalance({ address })
  const { events } = await send(alice, 'withdraw')
  assert.equal(events[0].args.amount, 1900n * milli)
  assert.equal(before - await open.getBalance({ address }), 1900n * milli)
})

end()
