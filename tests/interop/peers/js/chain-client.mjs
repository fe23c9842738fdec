// What ethers and viem do with a development chain whose accounts are those of everybody's mnemonic.
//
//   chain-client.mjs URL
//
// Prints a JSON object a line, {"name", "ok", "error"}, for each thing tried; ends with 1 if one failed. The contracts are
// chain-contracts.sol with OpenZeppelin's, compiled by solc here.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

import * as ethers from 'ethers'
import solc from 'solc'
import * as viem from 'viem'
import { mnemonicToAccount, privateKeyToAccount } from 'viem/accounts'
import { foundry } from 'viem/chains'

import { check, end } from './checks.mjs'

const [url] = process.argv.slice(2)
const wsUrl = url.replace('http', 'ws')
const mnemonic = 'test test test test test test test test test test test junk'
const ether = 10n ** 18n

function compile () {
  const { resolve } = createRequire(import.meta.url)
  const name = 'chain-contracts.sol'
  const input = {
    language: 'Solidity',
    sources: { [name]: { content: readFileSync(new URL(name, import.meta.url), 'utf8') } },
    settings: { optimizer: { enabled: true }, outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } } }
  }
  const found = path => ({ contents: readFileSync(resolve(path), 'utf8') })
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: found }))
  for (const { severity, formattedMessage } of output.errors ?? []) {
    if (severity === 'error') throw new Error(formattedMessage)
  }
  const made = {}
  for (const [contract, { abi, evm }] of Object.entries(output.contracts[name])) {
    made[contract] = { abi, bytecode: `0x${evm.bytecode.object}` }
  }
  return made
}

const { Token, Payments } = compile()

// ethers

// What it was told is old once a block was made, which is at once.
const provider = new ethers.JsonRpcProvider(url, undefined, { cacheTimeout: -1 })
provider.pollingInterval = 50
const signers = await Promise.all([0, 1].map(number => provider.getSigner(number)))
const [alice, bob] = await Promise.all(signers.map(signer => signer.getAddress()))
const wallet = ethers.HDNodeWallet.fromPhrase(mnemonic, undefined, "m/44'/60'/0'/0/2").connect(provider)
let token

await check('ethers: the chain and its accounts', async () => {
  assert.equal((await provider.getNetwork()).chainId, 31337n)
  assert.equal(alice, '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266')
  assert.equal(await provider.getBalance(wallet.address), 10000n * ether)
})

await check('ethers: deploys a token with a key of its own', async () => {
  token = await new ethers.ContractFactory(Token.abi, Token.bytecode, wallet).deploy(1000n)
  await token.waitForDeployment()
  assert.equal(await token.balanceOf(wallet.address), 1000n)
  assert.equal(await token.name(), 'Token')
})

await check('ethers: transfers, and finds the event by a filter', async () => {
  const receipt = await (await token.transfer(alice, 400n)).wait()
  assert.equal(receipt.status, 1)
  assert.equal(await token.balanceOf(alice), 400n)
  const [event, ...others] = await token.queryFilter(token.filters.Transfer(wallet.address, alice))
  assert.equal(others.length, 0)
  assert.equal(event.args.value, 400n)
  assert.equal(event.transactionHash, receipt.hash)
})

await check('ethers: sends with a key of the chain', async () => {
  const receipt = await (await token.connect(signers[0]).transfer(bob, 100n)).wait()
  assert.equal(receipt.from, alice)
  assert.equal(await token.balanceOf(bob), 100n)
})

await check('ethers: is told of an event by WebSocket', async () => {
  const socket = new ethers.WebSocketProvider(wsUrl)
  const heard = new Promise(resolve => token.connect(socket).on('Transfer', (from, to, value) => resolve({ from, to, value })))
  const block = new Promise(resolve => socket.once('block', resolve))
  await socket.getBlockNumber()
  await (await token.transfer(bob, 7n)).wait()
  const { from, to, value } = await heard
  assert.equal(from, wallet.address)
  assert.equal(to, bob)
  assert.equal(value, 7n)
  assert.equal(await block, await provider.getBlockNumber())
  await socket.destroy()
})

await check('ethers: estimates gas and fees', async () => {
  const fees = await provider.getFeeData()
  assert.ok(fees.maxFeePerGas > fees.maxPriorityFeePerGas && fees.gasPrice > 0n, 'fees')
  assert.equal(await provider.estimateGas({ from: alice, to: bob, value: 1n }), 21000n)
  assert.ok(await token.transfer.estimateGas(alice, 1n) > 21000n, 'a transfer of tokens takes more')
})

await check('ethers: decodes why a transaction can\'t be', async () => {
  const called = await token.transfer.staticCall(alice, 10n ** 6n).then(() => undefined, error => error)
  assert.equal(called?.code, 'CALL_EXCEPTION')
  assert.equal(called.revert?.name, 'ERC20InsufficientBalance')
  assert.equal(called.revert.args[2], 10n ** 6n)
  const sent = await token.transfer(alice, 10n ** 6n).then(() => undefined, error => error)
  assert.equal(sent?.code, 'CALL_EXCEPTION')
  assert.equal(token.interface.parseError(sent.data).name, 'ERC20InsufficientBalance')
})

await check('ethers: a transaction that fails has a receipt', async () => {
  const sent = await token.transfer(alice, 10n ** 6n, { gasLimit: 100000n })
  const error = await sent.wait().then(() => undefined, error => error)
  assert.equal(error?.code, 'CALL_EXCEPTION')
  assert.equal(error.receipt.status, 0)
})

await check('ethers: typed data that the chain signs is what the contract recovers', async () => {
  const domain = { name: 'Token', version: '1', chainId: 31337, verifyingContract: await token.getAddress() }
  const types = {
    Permit: [{ name: 'owner', type: 'address' }, { name: 'spender', type: 'address' }, { name: 'value', type: 'uint256' },
      { name: 'nonce', type: 'uint256' }, { name: 'deadline', type: 'uint256' }]
  }
  const permit = { owner: alice, spender: bob, value: 55n, nonce: 0n, deadline: 2n ** 40n }
  const signature = ethers.Signature.from(await signers[0].signTypedData(domain, types, permit))
  assert.equal(ethers.verifyTypedData(domain, types, permit, signature), alice)
  await (await token.permit(alice, bob, 55n, permit.deadline, signature.v, signature.r, signature.s)).wait()
  assert.equal(await token.allowance(alice, bob), 55n)
  assert.equal(ethers.verifyMessage('hello', await signers[0].signMessage('hello')), alice)
})

await check('ethers: waits for blocks and reads them', async () => {
  const sent = await signers[1].sendTransaction({ to: alice, value: 1n })
  const receipt = await sent.wait()
  const block = await provider.getBlock(receipt.blockNumber, true)
  assert.equal(block.prefetchedTransactions[0].hash, sent.hash)
  assert.equal((await provider.getTransaction(sent.hash)).blockHash, block.hash)
})

// viem

const chain = foundry
const transport = viem.http(url)
const open = viem.createPublicClient({ chain, transport, pollingInterval: 50 })
const carol = mnemonicToAccount(mnemonic, { addressIndex: 3 })
const client = viem.createWalletClient({ account: carol, chain, transport })
const test = viem.createTestClient({ mode: 'anvil', chain, transport })
let coin

async function done (hash) {
  const receipt = await open.waitForTransactionReceipt({ hash })
  assert.equal(receipt.status, 'success')
  return receipt
}

await check('viem: deploys a token', async () => {
  const { contractAddress } = await done(await client.deployContract({ ...Token, args: [1000n] }))
  coin = { address: contractAddress, abi: Token.abi }
  assert.equal(await open.readContract({ ...coin, functionName: 'balanceOf', args: [carol.address] }), 1000n)
})

await check('viem: transfers, and finds the event at once and by a filter', async () => {
  const filter = await open.createContractEventFilter({ ...coin, eventName: 'Transfer', args: { to: bob } })
  const { request } = await open.simulateContract({ ...coin, account: carol, functionName: 'transfer', args: [bob, 30n] })
  const { blockNumber } = await done(await client.writeContract(request))
  const [event] = await open.getContractEvents({ ...coin, eventName: 'Transfer', fromBlock: blockNumber })
  assert.equal(event.args.value, 30n)
  const [changed, ...others] = await open.getFilterChanges({ filter })
  assert.equal(changed.args.to, bob)
  assert.equal(others.length, 0)
})

await check('viem: is told of events and heads by WebSocket', async () => {
  const socket = viem.createPublicClient({ chain, transport: viem.webSocket(wsUrl) })
  const heard = Promise.withResolvers()
  const head = Promise.withResolvers()
  const onError = error => heard.reject(error)
  const ends = [
    socket.watchContractEvent({ ...coin, eventName: 'Transfer', onLogs: heard.resolve, onError }),
    socket.watchBlocks({ onBlock: head.resolve, onError })]
  // The subscriptions are asked for before this, on the same connection.
  await socket.getChainId()
  await socket.getChainId()
  await done(await client.writeContract({ ...coin, functionName: 'transfer', args: [alice, 3n] }))
  const [log] = await heard.promise
  assert.equal(log.args.value, 3n)
  assert.equal((await head.promise).number, log.blockNumber)
  for (const end of ends) end()
})

await check('viem: estimates gas and fees', async () => {
  const { maxFeePerGas, maxPriorityFeePerGas } = await open.estimateFeesPerGas()
  assert.ok(maxFeePerGas > maxPriorityFeePerGas, 'fees')
  assert.equal(await open.estimateGas({ account: carol, to: bob, value: 1n }), 21000n)
  const history = await open.getFeeHistory({ blockCount: 4, rewardPercentiles: [25, 75] })
  assert.equal(history.reward.length, 4)
})

await check('viem: decodes why a call fails', async () => {
  const error = await open.simulateContract({ ...coin, account: carol, functionName: 'transfer', args: [bob, 10n ** 9n] })
    .then(() => undefined, error => error)
  const revert = error?.walk(one => one instanceof viem.ContractFunctionRevertedError)
  assert.equal(revert?.data?.errorName, 'ERC20InsufficientBalance')
  assert.equal(revert.data.args[2], 10n ** 9n)
})

await check('viem: typed data that the chain signs is verified', async () => {
  const data = {
    account: alice,
    domain: { name: 'Orders', version: '2', chainId: 31337 },
    types: { Order: [{ name: 'what', type: 'string' }, { name: 'items', type: 'Item[]' }], Item: [{ name: 'count', type: 'uint8' }] },
    primaryType: 'Order',
    message: { what: 'bread', items: [{ count: 1 }, { count: 2 }] }
  }
  const signature = await viem.createWalletClient({ chain, transport }).signTypedData(data)
  assert.ok(await open.verifyTypedData({ ...data, address: alice, signature }), 'the signature is of the account')
  assert.ok(!await open.verifyTypedData({ ...data, address: bob, signature }), 'the signature is of nobody else')
})

await check('viem: an account takes code over and does several things at once (EIP-7702)', async () => {
  const { contractAddress } = await done(await client.deployContract({ ...Payments, args: [] }))
  const dave = mnemonicToAccount(mnemonic, { addressIndex: 4 })
  const daves = viem.createWalletClient({ account: dave, chain, transport })
  const authorization = await daves.signAuthorization({ contractAddress, executor: 'self' })
  const to = [1, 2].map(() => privateKeyToAccount(viem.toHex(ethers.randomBytes(32))).address)
  const receipt = await done(await daves.writeContract({
    abi: Payments.abi, address: dave.address, functionName: 'pay', args: [to, [5n, 6n]], authorizationList: [authorization]
  }))
  assert.equal(receipt.type, 'eip7702')
  assert.equal(receipt.logs.length, 2)
  assert.equal(await open.getCode({ address: dave.address }), viem.concat(['0xef0100', contractAddress.toLowerCase()]))
  assert.equal(await open.getBalance({ address: to[1] }), 6n)
})

await check('viem: steers the chain as anvil', async () => {
  const nobody = '0x00000000000000000000000000000000000b0d1e'
  const taken = await test.snapshot()
  await test.setBalance({ address: nobody, value: ether })
  await test.impersonateAccount({ address: nobody })
  await done(await viem.createWalletClient({ chain, transport, account: nobody }).sendTransaction({ to: bob, value: 1n }))
  const before = await open.getBlock()
  await test.increaseTime({ seconds: 3600 })
  await test.mine({ blocks: 3 })
  const after = await open.getBlock()
  assert.equal(after.number, before.number + 3n)
  // Blocks of one second are a second apart, so that the chain may be some seconds ahead.
  assert.ok(after.timestamp >= before.timestamp + 3500n, 'about an hour later')
  const between = await open.getBlock({ blockNumber: after.number - 1n })
  assert.ok(after.timestamp > between.timestamp, 'time goes on')
  await test.revert({ id: taken })
  assert.equal(await open.getBalance({ address: nobody }), 0n)
})

await check('viem: calls with another state, and asks for access lists and proofs', async () => {
  const code = '0x5f545f5260205ff3'
  const { data } = await open.call({
    to: bob, stateOverride: [{ address: bob, code, stateDiff: [{ slot: viem.pad('0x'), value: viem.pad('0x07') }] }]
  })
  assert.equal(BigInt(data), 7n)
  const { accessList } = await open.createAccessList({
    account: carol, to: coin.address, data: viem.encodeFunctionData({ ...coin, functionName: 'transfer', args: [bob, 1n] })
  })
  assert.ok(accessList.length > 0, 'a transfer touches storage')
  const proof = await open.getProof({ address: carol.address, storageKeys: [] })
  assert.ok(proof.accountProof.length > 0, 'a proof')
})

end()
