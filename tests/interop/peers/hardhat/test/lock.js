import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { network } from 'hardhat'

describe('Lock', async () => {
  const { viem, networkHelpers } = await network.create()
  const client = await viem.getPublicClient()

  async function locked () {
    const until = BigInt(await networkHelpers.time.latest()) + 3600n
    return { until, lock: await viem.deployContract('Lock', [until], { value: 5n }) }
  }

  it('holds what it was given', async () => {
    const { lock, until } = await networkHelpers.loadFixture(locked)
    assert.equal(await lock.read.until(), until)
    assert.equal(await client.getBalance({ address: lock.address }), 5n)
  })

  it('says why it does not open', async () => {
    const { lock } = await networkHelpers.loadFixture(locked)
    await assert.rejects(lock.write.open(), /TooEarly/)
    const [, other] = await viem.getWalletClients()
    await assert.rejects(lock.write.open({ account: other.account }), /not the owner/)
  })

  it('opens when the time has come', async () => {
    const { lock, until } = await networkHelpers.loadFixture(locked)
    await networkHelpers.time.increaseTo(until)
    const hash = await lock.write.open()
    const { blockNumber } = await client.waitForTransactionReceipt({ hash })
    const [event] = await client.getContractEvents({ address: lock.address, abi: lock.abi, fromBlock: blockNumber })
    assert.equal(event.args.amount, 5n)
    assert.equal(await client.getBalance({ address: lock.address }), 0n)
  })

  it('opens for its owner whoever signs', async () => {
    const { lock, until } = await networkHelpers.loadFixture(locked)
    const owner = await lock.read.owner()
    await networkHelpers.impersonateAccount(owner)
    await networkHelpers.setBalance(owner, 10n ** 18n)
    await networkHelpers.time.setNextBlockTimestamp(until)
    await lock.write.open({ account: owner })
    assert.equal(await client.getBalance({ address: lock.address }), 0n)
    await networkHelpers.mine(3)
    assert.equal((await client.getBlock()).number > 3n, true)
  })
})
