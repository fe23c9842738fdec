// store: blocks on disk, each byte kept once.
//
//   block_store.hpp   BlockStore, the ipld::BlockSource and BlockSink of a node, for the loop
//   engine.hpp        Engine, the store itself, for workers; durability, failures, recovery
//   format.hpp        pack files and index values, byte by byte
//   limits.hpp        limits
//
// A BlockStore owns its Engine; the Engine owns the store's folder, which it locks. Jobs of the
// Engine run on env.pool, everything else on the loop. docs/decisions has why it is built so.
#pragma once

#include <kith/store/block_store.hpp>
#include <kith/store/engine.hpp>
#include <kith/store/format.hpp>
#include <kith/store/limits.hpp>
