// unixfs: files and directories as DAGs (specs.ipfs.tech/unixfs; CID profiles: IPIP-499).
//
//   node.hpp       a UnixFS block, read and checked        hamt.hpp       sharded directories
//   options.hpp    all that decides a CID, the profiles    chunker.hpp    where files are cut
//   layout.hpp     leaves into a tree                      directory.hpp  entries into blocks
//   importer.hpp   import_file: a file on all cores        tree_importer.hpp  whole trees
//   reader.hpp     FileReader: bytes and ranges            directory_reader.hpp  listings, lookups
//   path.hpp       /ipfs/CID/a/b                           tree.hpp       TreeWalk: what `get`
//   writes stat.hpp       what a root block says                  error.hpp, limits.hpp
//
// node, hamt, options, chunker, layout and directory are pure and safe on any thread. The others
// are sessions on the loop: importers work on env.pool and hand blocks to a BlockSink, readers ask
// a BlockSource and say ahead what they will ask for. Nothing here trusts a block's claims about
// others.
#pragma once

#include <kith/unixfs/chunker.hpp>
#include <kith/unixfs/directory.hpp>
#include <kith/unixfs/directory_reader.hpp>
#include <kith/unixfs/error.hpp>
#include <kith/unixfs/hamt.hpp>
#include <kith/unixfs/importer.hpp>
#include <kith/unixfs/layout.hpp>
#include <kith/unixfs/limits.hpp>
#include <kith/unixfs/node.hpp>
#include <kith/unixfs/options.hpp>
#include <kith/unixfs/path.hpp>
#include <kith/unixfs/reader.hpp>
#include <kith/unixfs/stat.hpp>
#include <kith/unixfs/tree.hpp>
#include <kith/unixfs/tree_importer.hpp>
