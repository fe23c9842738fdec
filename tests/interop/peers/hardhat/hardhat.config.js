// The network is the one that $CHAIN_URL names; solc is npm's.
import { createRequire } from 'node:module'

import networkHelpers from '@nomicfoundation/hardhat-network-helpers'
import nodeTestRunner from '@nomicfoundation/hardhat-node-test-runner'
import viem from '@nomicfoundation/hardhat-viem'

const require = createRequire(import.meta.url)
const build = process.env.BUILD_FOLDER ?? '.'

export default {
  plugins: [viem, networkHelpers, nodeTestRunner],
  paths: { cache: `${build}/cache`, artifacts: `${build}/artifacts` },
  solidity: { version: require('solc/package.json').version, path: require.resolve('solc/soljson.js') },
  networks: { kith: { type: 'http', url: process.env.CHAIN_URL ?? 'http://127.0.0.1:8545' } }
}
