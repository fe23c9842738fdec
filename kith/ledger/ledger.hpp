// ledger: chains that Ethereum's tools and contracts know, under consensus of our own.
//
// Its parts, lowest first; each is a library of its own and sees those above its line:
//
//   primitives/    numbers of 256 bits, addresses, hashes, RLP
//   evm/           the virtual machine of every fork up to Osaka, precompiled contracts, accounts
//   as
//                  a block's transactions see them (World), traces
//   state/         Merkle-Patricia tries, the state of a chain on disk and of blocks that may yet
//   be
//                  taken back (StateTree)
//   chain/         transactions, receipts, headers, blocks, what each of them does and must say,
//                  geth's genesis.json, the blocks of a chain and their branches (Chain)
//   txpool/        transactions that wait for a block, their journal, what peers tell each other of
//                  them
//   sync/          a chain's blocks from other peers: eth/68's messages, their answers, whom to ask
//   wallet/        mnemonics, keys, keystores, and what is signed with them
//   consensus/pow/ proof of work: targets, seals, what headers must say, mining, fork choice
//   consensus/bft/ Simplex: votes, certificates, leaders, as a state machine with a log
//   consensus/bft_driver/
//                  that on a chain: epochs and their validators, the log on disk, header rules
//   consensus/staking/
//                  the contract that says who validates, in a genesis and asked
//   rpc/           Ethereum's JSON-RPC on a chain
//   dev/           a chain for developing, as anvil's and Hardhat's are
//   network/       all of it joined, in one node among others (ChainNode)
//   conformance/   the official suites' files, read and run
//
// Specifications: the Yellow Paper, and the EIPs and BIPs that each header names. These parts know
// no network, no clock and no thread (a miner is given its threads): whoever runs them does so on a
// worker, since they compute and read from disk. Objects belong to one thread at a time unless
// their header says otherwise. The bft_driver runs on the loop, in an Env.
#pragma once

#include <kith/ledger/chain/block.hpp>
#include <kith/ledger/chain/block_files.hpp>
#include <kith/ledger/chain/genesis.hpp>
#include <kith/ledger/chain/header_rules.hpp>
#include <kith/ledger/chain/processor.hpp>
#include <kith/ledger/chain/transition.hpp>
#include <kith/ledger/consensus/bft/engine.hpp>
#include <kith/ledger/consensus/bft_driver/bft_consensus.hpp>
#include <kith/ledger/consensus/bft_driver/bft_driver.hpp>
#include <kith/ledger/consensus/pow/fork_choice.hpp>
#include <kith/ledger/consensus/pow/orphan_pool.hpp>
#include <kith/ledger/consensus/pow/pow_rules.hpp>
#include <kith/ledger/consensus/staking/staking.hpp>
#include <kith/ledger/evm/machine.hpp>
#include <kith/ledger/primitives/rlp.hpp>
#include <kith/ledger/primitives/types.hpp>
#include <kith/ledger/primitives/u256.hpp>
#include <kith/ledger/state/state_tree.hpp>
#include <kith/ledger/sync/block_sync.hpp>
#include <kith/ledger/sync/sync_server.hpp>
#include <kith/ledger/txpool/tx_pool.hpp>
#include <kith/ledger/wallet/key_ring.hpp>
#include <kith/ledger/wallet/signing.hpp>
#include <kith/ledger/wallet/transaction_json.hpp>
#include <kith/ledger/wallet/typed_data.hpp>
#include <kith/ledger/wallet/wallet.hpp>
